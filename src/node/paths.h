/* paths.h - where a packaged installation keeps its things. */
#pragma once

#define PATHS_STATE "/var/lib/carbonado"
#define PATHS_CONFIG "/etc/carbonado/carbonado.conf"

/* charset_names.c - what mail calls charsets, and what they are. Names are compared in lower case
   with everything but letters and digits left out, and without a leading "x" or "cs". The right
   column is the superset that programs really mean, as browsers read the same names. */
#include "format/charset_names.h"

static const struct charset_row rows[] = {
    {"utf8", "UTF-8", CHARSET_UTF8},
    {"unicode11utf8", "UTF-8", CHARSET_UTF8},
    {"uft8", "UTF-8", CHARSET_UTF8},
    {"utf8mb4", "UTF-8", CHARSET_UTF8},
    {"usascii", "US-ASCII", CHARSET_GUESS},
    {"ascii", "US-ASCII", CHARSET_GUESS},
    {"ansix341968", "US-ASCII", CHARSET_GUESS},
    {"iso646us", "US-ASCII", CHARSET_GUESS},
    {"us", "US-ASCII", CHARSET_GUESS},
    {"ansi", "CP1252", CHARSET_1252},
    {"windows1252", "CP1252", CHARSET_1252},
    {"cp1252", "CP1252", CHARSET_1252},
    {"iso88591", "CP1252", CHARSET_1252},
    {"latin1", "CP1252", CHARSET_1252},
    {"l1", "CP1252", CHARSET_1252},
    {"isolatin1", "CP1252", CHARSET_1252},
    {"iso885911987", "CP1252", CHARSET_1252},
    {"iso88592", "ISO-8859-2", CHARSET_ICONV},
    {"latin2", "ISO-8859-2", CHARSET_ICONV},
    {"isolatin2", "ISO-8859-2", CHARSET_ICONV},
    {"iso88593", "ISO-8859-3", CHARSET_ICONV},
    {"latin3", "ISO-8859-3", CHARSET_ICONV},
    {"iso88594", "ISO-8859-4", CHARSET_ICONV},
    {"latin4", "ISO-8859-4", CHARSET_ICONV},
    {"iso88595", "ISO-8859-5", CHARSET_ICONV},
    {"iso88596", "ISO-8859-6", CHARSET_ICONV},
    {"iso88596e", "ISO-8859-6", CHARSET_ICONV},
    {"iso88596i", "ISO-8859-6", CHARSET_ICONV},
    {"iso88597", "ISO-8859-7", CHARSET_ICONV},
    {"greek", "ISO-8859-7", CHARSET_ICONV},
    {"iso88598", "ISO-8859-8", CHARSET_ICONV},
    {"iso88598i", "ISO-8859-8", CHARSET_ICONV},
    {"iso88598e", "ISO-8859-8", CHARSET_ICONV},
    {"iso88599", "CP1254", CHARSET_ICONV},
    {"latin5", "CP1254", CHARSET_ICONV},
    {"iso885910", "ISO-8859-10", CHARSET_ICONV},
    {"iso885911", "CP874", CHARSET_ICONV},
    {"iso885913", "ISO-8859-13", CHARSET_ICONV},
    {"iso885914", "ISO-8859-14", CHARSET_ICONV},
    {"iso885915", "ISO-8859-15", CHARSET_ICONV},
    {"iso885815", "ISO-8859-15", CHARSET_ICONV},
    {"latin9", "ISO-8859-15", CHARSET_ICONV},
    {"iso885916", "ISO-8859-16", CHARSET_ICONV},
    {"windows1250", "CP1250", CHARSET_ICONV},
    {"cp1250", "CP1250", CHARSET_ICONV},
    {"windows1251", "CP1251", CHARSET_ICONV},
    {"cp1251", "CP1251", CHARSET_ICONV},
    {"windows1253", "CP1253", CHARSET_ICONV},
    {"cp1253", "CP1253", CHARSET_ICONV},
    {"windows1254", "CP1254", CHARSET_ICONV},
    {"cp1254", "CP1254", CHARSET_ICONV},
    {"windows1255", "CP1255", CHARSET_ICONV},
    {"cp1255", "CP1255", CHARSET_ICONV},
    {"windows1256", "CP1256", CHARSET_ICONV},
    {"cp1256", "CP1256", CHARSET_ICONV},
    {"windows1257", "CP1257", CHARSET_ICONV},
    {"cp1257", "CP1257", CHARSET_ICONV},
    {"windows1258", "CP1258", CHARSET_ICONV},
    {"cp1258", "CP1258", CHARSET_ICONV},
    {"windows874", "CP874", CHARSET_ICONV},
    {"cp874", "CP874", CHARSET_ICONV},
    {"tis620", "CP874", CHARSET_ICONV},
    {"koi8r", "KOI8-R", CHARSET_ICONV},
    {"koi8", "KOI8-R", CHARSET_ICONV},
    {"koi8u", "KOI8-U", CHARSET_ICONV},
    {"koi8ru", "KOI8-U", CHARSET_ICONV},
    {"koi8t", "KOI8-T", CHARSET_ICONV},
    {"ibm437", "CP437", CHARSET_ICONV},
    {"cp437", "CP437", CHARSET_ICONV},
    {"ibm850", "CP850", CHARSET_ICONV},
    {"cp850", "CP850", CHARSET_ICONV},
    {"ibm852", "CP852", CHARSET_ICONV},
    {"cp852", "CP852", CHARSET_ICONV},
    {"ibm855", "CP855", CHARSET_ICONV},
    {"cp858", "CP858", CHARSET_ICONV},
    {"ibm862", "CP862", CHARSET_ICONV},
    {"ibm866", "CP866", CHARSET_ICONV},
    {"cp866", "CP866", CHARSET_ICONV},
    {"macintosh", "MACINTOSH", CHARSET_ICONV},
    {"macroman", "MACINTOSH", CHARSET_ICONV},
    {"mac", "MACINTOSH", CHARSET_ICONV},
    {"maccyrillic", "MAC-CYRILLIC", CHARSET_ICONV},
    {"maccentraleurope", "MAC-CENTRALEUROPE", CHARSET_ICONV},
    {"macce", "MAC-CENTRALEUROPE", CHARSET_ICONV},
    {"viscii", "VISCII", CHARSET_ICONV},
    {"tcvn", "TCVN", CHARSET_ICONV},
    {"georgianps", "GEORGIAN-PS", CHARSET_ICONV},
    {"armscii8", "ARMSCII-8", CHARSET_ICONV},
    {"gb2312", "GB18030", CHARSET_ICONV},
    {"gb231280", "GB18030", CHARSET_ICONV},
    {"euccn", "GB18030", CHARSET_ICONV},
    {"gbk", "GB18030", CHARSET_ICONV},
    {"cp936", "GB18030", CHARSET_ICONV},
    {"windows936", "GB18030", CHARSET_ICONV},
    {"ms936", "GB18030", CHARSET_ICONV},
    {"gb18030", "GB18030", CHARSET_ICONV},
    {"chinese", "GB18030", CHARSET_ICONV},
    {"hzgb2312", "GB18030", CHARSET_HZ},
    {"hz", "GB18030", CHARSET_HZ},
    {"big5", "BIG5-HKSCS", CHARSET_ICONV},
    {"big5hkscs", "BIG5-HKSCS", CHARSET_ICONV},
    {"cnbig5", "BIG5-HKSCS", CHARSET_ICONV},
    {"cp950", "CP950", CHARSET_ICONV},
    {"windows950", "CP950", CHARSET_ICONV},
    {"euctw", "EUC-TW", CHARSET_ICONV},
    {"shiftjis", "CP932", CHARSET_ICONV},
    {"sjis", "CP932", CHARSET_ICONV},
    {"mskanji", "CP932", CHARSET_ICONV},
    {"cp932", "CP932", CHARSET_ICONV},
    {"windows31j", "CP932", CHARSET_ICONV},
    {"windows932", "CP932", CHARSET_ICONV},
    {"ms932", "CP932", CHARSET_ICONV},
    {"eucjp", "EUC-JP-MS", CHARSET_ICONV},
    {"eucjpms", "EUC-JP-MS", CHARSET_ICONV},
    {"ujis", "EUC-JP-MS", CHARSET_ICONV},
    {"iso2022jp", "CP932", CHARSET_2022},
    {"iso2022jp1", "CP932", CHARSET_2022},
    {"iso2022jp2", "CP932", CHARSET_2022},
    {"iso2022jp3", "CP932", CHARSET_2022},
    {"iso2022jpms", "CP932", CHARSET_2022},
    {"cp50220", "CP932", CHARSET_2022},
    {"cp50221", "CP932", CHARSET_2022},
    {"jis", "CP932", CHARSET_2022},
    {"euckr", "CP949", CHARSET_ICONV},
    {"ksc56011987", "CP949", CHARSET_ICONV},
    {"ksc56011989", "CP949", CHARSET_ICONV},
    {"ksc5601", "CP949", CHARSET_ICONV},
    {"korean", "CP949", CHARSET_ICONV},
    {"cp949", "CP949", CHARSET_ICONV},
    {"uhc", "CP949", CHARSET_ICONV},
    {"windows949", "CP949", CHARSET_ICONV},
    {"johab", "JOHAB", CHARSET_ICONV},
    {"iso2022kr", "ISO-2022-KR", CHARSET_ICONV},
    {"iso2022cn", "ISO-2022-CN", CHARSET_ICONV},
    {"utf7", "UTF-7", CHARSET_UTF7},
    {"unicode11utf7", "UTF-7", CHARSET_UTF7},
    {"unicode20utf7", "UTF-7", CHARSET_UTF7},
    {"utf16", "UTF-16", CHARSET_UTF16},
    {"unicode", "UTF-16", CHARSET_UTF16},
    {"ucs2", "UTF-16", CHARSET_UTF16},
    {"iso10646ucs2", "UTF-16", CHARSET_UTF16},
    {"utf16le", "UTF-16LE", CHARSET_ICONV},
    {"utf16be", "UTF-16BE", CHARSET_ICONV},
    {"utf32le", "UTF-32LE", CHARSET_ICONV},
    {"utf32be", "UTF-32BE", CHARSET_ICONV},
    {"utf32", "UTF-32", CHARSET_ICONV},
    {"unknown8bit", "UNKNOWN-8BIT", CHARSET_GUESS},
};

enum { NAME_MAX_ = 40 };

static const struct charset_row *find(const char *key)
{
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++)
        if (strcmp(rows[i].key, key) == 0)
            return &rows[i];
    return NULL;
}

const struct charset_row *charset_row(struct slice name)
{
    char key[NAME_MAX_];
    size_t n = 0;
    for (size_t i = 0; i < name.n; i++) {
        char c = ascii_lower(name.p[i]);
        if (c == '*') /* RFC 2231 5: a language follows */
            break;
        if (!ascii_digit(c) && !ascii_alpha(c))
            continue;
        if (n == NAME_MAX_ - 1)
            return NULL;
        key[n++] = c;
    }
    key[n] = '\0';
    const struct charset_row *r = n ? find(key) : NULL;
    if (!r && n > 1 && key[0] == 'x')
        r = find(key + 1);
    if (!r && n > 2 && key[0] == 'c' && key[1] == 's')
        r = find(key + 2);
    return r;
}

const struct charset_row *charset_rows(size_t *ret_n)
{
    *ret_n = sizeof(rows) / sizeof(rows[0]);
    return rows;
}

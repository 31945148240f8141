/* op_tables.h - the tables of operations: a line here and an op_x.c with `const struct op ops_x[]`.
 */
OP_TABLE(server)
OP_TABLE(sieve)
OP_TABLE(account)
OP_TABLE(alias)
OP_TABLE(backup)
OP_TABLE(domain)
OP_TABLE(list)
OP_TABLE(message)
OP_TABLE(queue)
OP_TABLE(sessions)
OP_TABLE(store)

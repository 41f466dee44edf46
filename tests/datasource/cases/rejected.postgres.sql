--- root
INSERT INTO customers (id, name) VALUES (9, 'x')
--- root
DELETE FROM customers
--- root
COPY customers TO '/tmp/x'
--- root
COPY customers TO PROGRAM 'id'
--- root
COPY (SELECT 1) TO '/tmp/x'
--- root
DO $$ BEGIN DELETE FROM customers; END $$
--- root
CALL do_it()
--- root
SET transaction_read_only = off
--- root
RESET ALL
--- root
DISCARD ALL
--- root
LISTEN x
--- root
NOTIFY x
--- root
PREPARE p AS DELETE FROM customers
--- root
DECLARE c CURSOR WITH HOLD FOR SELECT 1
--- root
EXPLAIN ANALYZE DELETE FROM customers
--- root
EXPLAIN ANALYZE SELECT 1
--- unreadable
EXPLAIN (ANALYZE) SELECT 1
--- root
EXPLAIN DELETE FROM customers
--- root
SHOW data_directory
--- root
CLUSTER
--- root
LOCK TABLE customers
--- several
SELECT 1; COMMIT; DELETE FROM customers
--- node
WITH t AS (DELETE FROM customers RETURNING *) SELECT * FROM t
--- node
WITH t AS (INSERT INTO customers (id, name) VALUES (9, 'x') RETURNING *) SELECT * FROM t
--- option
SELECT * INTO stolen FROM customers
--- option
SELECT * FROM customers FOR UPDATE
--- option
SELECT * FROM customers FOR SHARE
--- function
SELECT pg_read_file('/etc/passwd')
--- function
SELECT "pg_read_file"('/etc/passwd')
--- construct
SELECT U&"\0070g_read_file"('/etc/passwd')
--- function
SELECT pg_sleep(5)
--- function
SELECT lo_import('/etc/passwd')
--- function
SELECT lo_export(1, '/tmp/x')
--- function
SELECT set_config('transaction_read_only', 'off', false)
--- function
SELECT current_setting('data_directory')
--- function
SELECT pg_advisory_lock(1)
--- function
SELECT pg_terminate_backend(1)
--- function
SELECT query_to_xml('DELETE FROM customers', true, true, '')
--- function
SELECT * FROM dblink('', 'DELETE FROM customers') AS t(a int)
--- function
SELECT * FROM ts_stat('SELECT 1')
--- function
SELECT nextval('s')
--- function
SELECT * FROM pg_ls_dir('/')
--- function
SELECT touch_customer(1)
--- node
SELECT public.touch_customer(1)
--- function
SELECT repeat('x', 1000000000)
--- function
SELECT name FROM customers ORDER BY (CASE WHEN pg_sleep(1) IS NULL THEN 1 END)
--- system_table
SELECT * FROM pg_shadow
--- system_table
SELECT * FROM pg_catalog.pg_authid
--- system_table
SELECT * FROM information_schema.tables
--- qualified_table
SELECT * FROM private.customers
--- unknown_table
SELECT * FROM secret
--- unknown_table: a quoted CTE is another name than the folded one
WITH "Secret" AS (SELECT 1) SELECT * FROM Secret
--- unknown_table
WITH secret AS (SELECT * FROM secret) SELECT * FROM secret
--- unknown_column
SELECT password FROM customers
--- node
SELECT 'customers'::regclass
--- type
SELECT CAST(name AS evil) FROM customers
--- node
SELECT $1
--- word
SELECT 1 AS N'x; DROP TABLE customers'
--- word
SELECT 1 AS $$x; DROP TABLE customers$$
--- word
SELECT 1 AS E'x, pg_sleep(5)'
--- comment
SELECT 1 /* /* */ , pg_sleep(5) /* */ */
--- node
SELECT name OPERATOR(public.+) 1 FROM customers
--- option
SELECT * FROM customers TABLESAMPLE SYSTEM (10)
--- limit
SELECT name FROM customers FETCH FIRST 3 ROWS WITH TIES
--- node: read as a subquery, written without its parentheses, so that the LIMIT would move inside
SELECT name FROM SELECT * FROM customers

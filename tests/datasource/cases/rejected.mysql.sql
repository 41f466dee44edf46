--- root: plain writes
INSERT INTO customers (id, name) VALUES (9, 'x')
--- root
UPDATE customers SET name = 'x'
--- root
DELETE FROM customers
--- root
REPLACE INTO customers (id, name) VALUES (1, 'x')
--- root
DROP TABLE customers
--- root
TRUNCATE TABLE customers
--- root
CREATE TABLE stolen AS SELECT * FROM customers
--- root
ALTER TABLE customers ADD COLUMN x INT
--- root
GRANT ALL ON *.* TO 'reader'@'%'
--- root
SET GLOBAL general_log = 1
--- root
SET STATEMENT max_statement_time = 0 FOR SELECT 1
--- root
CALL sys.do_it()
--- root
DO SLEEP(5)
--- root
PREPARE p FROM 'DELETE FROM customers'
--- root
EXECUTE IMMEDIATE 'DELETE FROM customers'
--- root
LOAD DATA INFILE '/etc/passwd' INTO TABLE customers
--- root
HANDLER customers OPEN
--- root
LOCK TABLES customers WRITE
--- root
FLUSH TABLES
--- root
SHUTDOWN
--- root
COMMIT
--- root
USE mysql
--- root
KILL 1
--- root
INSTALL SONAME 'ha_x'
--- root
ANALYZE DELETE FROM customers
--- root
EXPLAIN DELETE FROM customers
--- node
DESCRIBE UPDATE customers SET name = 'x'
--- root: sqlglot reads it as a column
CHECKPOINT
--- root
BINLOG 'x'
--- several
SELECT 1; DELETE FROM customers
--- several
COMMIT; DROP TABLE customers; SELECT 1
--- comment: the server runs what the parser skips
SELECT 1 /*!50000 INTO OUTFILE '{folder}/stolen1' */
--- comment
SELECT 1 /*! INTO OUTFILE '{folder}/stolen2' */
--- comment
SELECT 1 /*M! INTO OUTFILE '{folder}/stolen3' */
--- comment
SELECT /*!99999 1, */ /*!50000 SLEEP(5), */ 1
--- comment
/*!50000 DELETE FROM customers */
--- comment: nested
SELECT 1 /* /* */ INTO OUTFILE '{folder}/stolen4' -- */
--- construct: two dashes without a blank are two minus signs
SELECT 1--1 INTO OUTFILE '{folder}/stolen5'
--- construct: a comment for the parser, an ODBC escape for the server
SELECT {#
x 1} INTO OUTFILE '{folder}/stolen6' #} 1
--- construct
SELECT {fn SLEEP(5)}
--- construct
SELECT {d '2020-01-01'}
--- comment
SELECT /*+ SET_VAR(sql_mode = 'ANSI_QUOTES') */ 1
--- unreadable: files
SELECT * FROM customers INTO OUTFILE '{folder}/stolen7'
--- unreadable
SELECT * INTO OUTFILE '{folder}/stolen8' FROM customers
--- unreadable
SELECT name FROM customers LIMIT 1 INTO DUMPFILE '{folder}/stolen9'
--- unreadable
SELECT name FROM customers INTO @a
--- option
SELECT * FROM customers FOR UPDATE
--- option
SELECT * FROM customers LOCK IN SHARE MODE
--- unreadable
SELECT * FROM customers PROCEDURE ANALYSE()
--- option
SELECT SQL_CALC_FOUND_ROWS * FROM customers
--- function: waiting, reading files, locks
SELECT SLEEP(5)
--- function
SELECT sleep (5)
--- function: a quoted name is a call, too
SELECT `SLEEP`(5)
--- function
SELECT BENCHMARK(1000000000, MD5('x'))
--- function
SELECT LOAD_FILE('/etc/passwd')
--- function
SELECT GET_LOCK('x', 100)
--- function
SELECT RELEASE_ALL_LOCKS()
--- function
SELECT MASTER_POS_WAIT('x', 1)
--- function
SELECT LAST_INSERT_ID(5)
--- function
SELECT UUID_SHORT()
--- function
SELECT EXTRACTVALUE(1, CONCAT('~', (SELECT name FROM customers LIMIT 1)))
--- function
SELECT touch_customer(1)
--- node
SELECT shop.touch_customer(1)
--- function: huge values
SELECT REPEAT('x', 1000000000)
--- function
SELECT name FROM customers WHERE id = 1 OR SLEEP(1)
--- function
SELECT name FROM customers ORDER BY IF(1, SLEEP(1), 0)
--- function
SELECT name FROM customers GROUP BY name HAVING SLEEP(1) = 0
--- function
WITH t AS (SELECT SLEEP(5) AS n) SELECT n FROM t
--- function: a name of another dialect that a stored function could have
SELECT INITCAP(name) FROM customers
--- node: variables
SELECT @a := 1
--- node
SELECT @@datadir
--- node
SELECT @@GLOBAL.secure_file_priv
--- node
SELECT name FROM customers WHERE id = ?
--- node
SELECT name FROM customers WHERE id = :id
--- unreadable
SELECT NEXT VALUE FOR s
--- system_table
SELECT * FROM mysql.user
--- system_table
SELECT * FROM information_schema.processlist
--- system_table
SELECT * FROM performance_schema.threads
--- qualified_table
SELECT * FROM other_shop.customers
--- unknown_table
SELECT * FROM passwords
--- unknown_table: a CTE of that name in a subquery hides nothing outside
SELECT * FROM secret WHERE id IN (WITH secret AS (SELECT 1 AS id) SELECT id FROM secret)
--- unknown_table: without RECURSIVE, a CTE reads the table behind its name
WITH secret AS (SELECT * FROM secret) SELECT * FROM secret
--- unknown_table: MySQL on Linux tells Secret from secret
WITH Secret AS (SELECT 1) SELECT * FROM secret
--- unknown_table
SELECT (SELECT COUNT(*) FROM secret)
--- unknown_table
SELECT name FROM customers UNION SELECT password FROM accounts
--- unknown_column
SELECT password FROM customers
--- unknown_column
SELECT name FROM customers HAVING unknown > 3
--- unknown_column
SELECT c.password FROM customers c
--- unknown_qualifier
SELECT x.name FROM customers c
--- word: written out, the literal would be code
SELECT 1 AS N'x INTO OUTFILE ''{folder}/stolen10'''
--- node
SELECT 1 COLLATE 'x INTO OUTFILE'
--- node
SELECT N'x'
--- node
SELECT _utf8mb4 'x'
--- option: plans, but runs nothing; and listings of other databases
SHOW TABLES FROM mysql
--- option
SHOW GRANTS
--- option
SHOW VARIABLES
--- option
SHOW PROCESSLIST
--- word
SHOW COLUMNS FROM N'customers WHERE SLEEP(1)'
--- limit
SELECT name FROM customers LIMIT 1 + 1
--- empty
-- only a comment
--- unclosed
SELECT 'x
--- unreadable
SELECT FROM WHERE
--- root
VALUES ROW(1), ROW(2)
--- node: read as a subquery, written without its parentheses, so that the LIMIT would move inside
SELECT name FROM SELECT * FROM customers
--- comment: is it nested?
SELECT 1 /*/*/ */
--- unreadable: what only MySQL 8 has
TABLE customers INTO OUTFILE '{folder}/stolen11'
--- unreadable
VALUES ROW(1) INTO OUTFILE '{folder}/stolen12'
--- unreadable
SELECT name FROM customers FOR UPDATE INTO OUTFILE '{folder}/stolen13'
--- option
SELECT name FROM customers c FOR UPDATE OF c SKIP LOCKED
--- option
SELECT name FROM customers FOR SHARE NOWAIT
--- comment
SELECT /*+ MAX_EXECUTION_TIME(0) */ name FROM customers
--- comment
SELECT /*!80000 SLEEP(5), */ 1
--- root: it runs what it explains
EXPLAIN ANALYZE SELECT name FROM customers
--- root
EXPLAIN FOR CONNECTION 1
--- root
SET PERSIST max_connections = 1
--- root
SET ROLE ALL
--- root
RESTART
--- root
CLONE LOCAL DATA DIRECTORY '{folder}/stolen14'
--- root
INSTALL COMPONENT 'file://component_validate_password'
--- root
IMPORT TABLE FROM '{folder}/x.sdi'
--- root
ALTER INSTANCE DISABLE INNODB REDO_LOG
--- root
CREATE SPATIAL REFERENCE SYSTEM 4120 NAME 'x' DEFINITION 'x'
--- root
WITH t AS (SELECT 1 AS id) DELETE FROM customers WHERE id IN (SELECT id FROM t)
--- function
SELECT SOURCE_POS_WAIT('x', 1, 100)
--- function
SELECT WAIT_FOR_EXECUTED_GTID_SET('x', 100)
--- function
SELECT ROLES_GRAPHML()
--- node
SELECT sys.ps_thread_account(1)
--- system_table
SELECT * FROM sys.session
--- system_table
SELECT trx_id FROM information_schema.innodb_trx
--- function
SELECT jt.a FROM JSON_TABLE('[{"a":1}]', '$[*]' COLUMNS (a INT PATH '$.a')) AS jt
--- unknown_column: a derived table that looks beside itself is checked, too
SELECT x.n FROM customers c, LATERAL (SELECT c.password AS n) AS x

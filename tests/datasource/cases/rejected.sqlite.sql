--- root
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
CREATE TABLE stolen AS SELECT * FROM customers
--- root
CREATE TEMP VIEW v AS SELECT 1
--- root
ALTER TABLE customers RENAME TO c
--- root
PRAGMA query_only = OFF
--- root
PRAGMA writable_schema = 1
--- root
ATTACH DATABASE '{folder}/stolen1' AS x
--- root
DETACH DATABASE main
--- root
VACUUM INTO '{folder}/stolen2'
--- root
VACUUM
--- root
REINDEX
--- root
ANALYZE
--- root
BEGIN EXCLUSIVE
--- root
COMMIT
--- root
SAVEPOINT a
--- root
EXPLAIN DELETE FROM customers
--- root
EXPLAIN QUERY PLAN DELETE FROM customers
--- node
WITH t AS (DELETE FROM customers RETURNING *) SELECT * FROM t
--- root
WITH t AS (SELECT 1) DELETE FROM customers
--- root
WITH t AS (SELECT 1) INSERT INTO customers (id, name) SELECT 9, 'x'
--- several
SELECT 1; DELETE FROM customers
--- several
SELECT 1; ATTACH DATABASE '{folder}/stolen3' AS x
--- comment
SELECT 1 /* /* */, load_extension('x') -- */
--- comment
SELECT 1 /*! 2 */
--- construct
SELECT {# x #} 1
--- construct
SELECT 1 {% raw %}
--- function
SELECT load_extension('x')
--- function
SELECT "load_extension"('x')
--- function
SELECT [load_extension]('x')
--- function
SELECT LOAD_EXTENSION ('x', 'y')
--- function
SELECT readfile('/etc/passwd')
--- function
SELECT writefile('{folder}/stolen4', 'x')
--- function
SELECT edit('x')
--- function
SELECT fts3_tokenizer('simple')
--- function: huge values
SELECT hex(zeroblob(1000000000))
--- function
SELECT randomblob(1000000000)
--- function
SELECT sqlite_compileoption_get(1)
--- function
SELECT name FROM customers WHERE load_extension('x') = 1
--- function
SELECT name FROM customers ORDER BY load_extension('x')
--- function
SELECT name FROM customers GROUP BY name HAVING load_extension('x')
--- function
WITH t AS (SELECT load_extension('x') AS n) SELECT n FROM t
--- function
SELECT * FROM pragma_database_list()
--- function
SELECT * FROM pragma_table_info('customers')
--- function
SELECT * FROM json_each('[1]')
--- system_table
SELECT * FROM pragma_database_list
--- system_table
SELECT * FROM sqlite_master
--- system_table
SELECT * FROM main.sqlite_schema
--- system_table
SELECT sql FROM sqlite_temp_master
--- system_table
SELECT * FROM temp.customers
--- system_table
SELECT * FROM dbstat
--- qualified_table
SELECT * FROM other.customers
--- unknown_table
SELECT * FROM passwords
--- path
SELECT * FROM '/etc/passwd'
--- option: IN with a bare name reads a table
SELECT name FROM customers WHERE id IN passwords
--- unknown_table
SELECT * FROM secret WHERE id IN (WITH secret AS (SELECT 1 AS id) SELECT id FROM secret)
--- unknown_table
SELECT (SELECT COUNT(*) FROM secret)
--- unknown_table
SELECT name FROM customers UNION ALL SELECT password FROM accounts
--- unknown_column
SELECT password FROM customers
--- unknown_column: SQLite would take it for a text
SELECT name FROM customers WHERE city = "Berlin"
--- unknown_column
SELECT name FROM customers GROUP BY name HAVING unknown > 3
--- unknown_column
SELECT name FROM customers ORDER BY unknown
--- unknown_column
SELECT c.password FROM customers c
--- unknown_column
SELECT x.price FROM (SELECT name FROM products) AS x
--- unknown_column
SELECT name FROM customers JOIN orders USING (nothing)
--- unknown_qualifier
SELECT x.name FROM customers c
--- node: parameters
SELECT name FROM customers WHERE id = ?
--- node
SELECT name FROM customers WHERE id = :id
--- node
SELECT name FROM customers WHERE id = @id
--- word
SELECT 1 AS N'x FROM customers; DROP TABLE customers'
--- word
SELECT CAST(name AS "x) , load_extension('y'") FROM customers
--- node
SELECT name COLLATE 'x, load_extension(1)' FROM customers
--- limit
SELECT name FROM customers LIMIT -1
--- limit
SELECT name FROM customers LIMIT (SELECT 1)
--- control
SELECT 1
--- unclosed
SELECT 'x
--- construct
SELECT 1 /* x
--- unreadable
SELECT FROM WHERE
--- empty
;
--- root
hello
--- node: read as a subquery, written without its parentheses, so that the LIMIT would move inside
SELECT name FROM SELECT * FROM customers
--- function: it would be Python's, which no time limit stops
SELECT name FROM customers WHERE name REGEXP '(x+x+)+y'

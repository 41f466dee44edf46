--- write_where: all rows
DELETE FROM customers
--- write_where: all rows
UPDATE customers SET name = 'x'
--- write_key: no key to know rows by
UPDATE notes SET name = 'x' WHERE city = 'Ulm'
--- write_key: the key itself
UPDATE customers SET id = 9 WHERE id = 1
--- write_view: a view
DELETE FROM people WHERE id = 1
--- write_view|unknown_table|root: a CTE
WITH c AS (SELECT 1 AS id) DELETE FROM c WHERE id = 1
--- several: two
DELETE FROM customers WHERE id = 1; DELETE FROM customers WHERE id = 2
--- write_form: rows come back
DELETE FROM customers WHERE id = 1 RETURNING *
--- write_form: rows come back
UPDATE customers SET name = 'x' WHERE id = 1 RETURNING id
--- write_form|unreadable: rows come back
INSERT INTO customers (id) VALUES (1) RETURNING id
--- write_form: conflict
INSERT INTO customers (id) VALUES (1) ON CONFLICT (id) DO UPDATE SET name = 'x'
--- write_form|unreadable: conflict
INSERT INTO customers (id) VALUES (1) ON DUPLICATE KEY UPDATE name = 'x'
--- write_form: of a query
INSERT INTO customers (id, name) SELECT 1, 'x'
--- write_form: too few values
INSERT INTO customers (id, name) VALUES (1)
--- write_form|unreadable: or replace
INSERT OR REPLACE INTO customers (id) VALUES (1)
--- root: replace
REPLACE INTO customers (id) VALUES (1)
--- write_form: a limit
DELETE FROM customers WHERE id > 1 LIMIT 1
--- write_form: order
UPDATE customers SET name = 'x' WHERE id > 1 ORDER BY id LIMIT 1
--- write_form|unreadable: several tables
UPDATE customers, notes SET customers.name = 'x' WHERE customers.id = 1
--- write_form: a join
UPDATE customers JOIN notes ON 1 = 1 SET customers.name = 'x' WHERE customers.id = 1
--- write_form: from another
UPDATE customers SET name = notes.name FROM notes WHERE customers.id = 1
--- write_form: using another
DELETE FROM customers USING notes WHERE customers.name = notes.name
--- write_form: several tables
DELETE customers FROM customers JOIN notes ON 1 = 1 WHERE customers.id = 1
--- write_form: an alias
UPDATE customers AS c SET name = 'x' WHERE c.id = 1
--- write_form: a tuple
UPDATE customers SET (name, city) = ('a', 'b') WHERE id = 1
--- unknown_column: no such column
UPDATE customers SET nme = 'x' WHERE id = 1
--- unknown_column: no such column
INSERT INTO customers (id, nme) VALUES (1, 'x')
--- unknown_column: hidden
UPDATE secrets SET pin = 'x' WHERE id = 1
--- unknown_column: hidden
DELETE FROM secrets WHERE pin = 'x'
--- unknown_column: of another table
UPDATE customers SET notes.name = 'x' WHERE id = 1
--- unknown_table: no such table
DELETE FROM customer WHERE id = 1
--- system_table: of the system
DELETE FROM information_schema.tables WHERE table_name = 'x'
--- system_table: of the system
UPDATE sqlite_master SET sql = 'x' WHERE name = 'customers'
--- system_table: of the system
DELETE FROM pg_catalog.pg_class WHERE oid = 1
--- qualified_table: elsewhere
DELETE FROM other.customers WHERE id = 1
--- function: a function
UPDATE customers SET name = LOAD_FILE('/etc/passwd') WHERE id = 1
--- function: a function
DELETE FROM customers WHERE SLEEP(5) = 0
--- function: a function in a value
INSERT INTO customers (id, name) VALUES (1, pg_read_file('/etc/passwd'))
--- function|node: the column's default may be a function
INSERT INTO customers (id, name) VALUES (1, lo_export(1, 'x'))
--- comment: an executable comment
DELETE /*! FROM notes */ FROM customers WHERE id = 1
--- construct|comment: a template
DELETE FROM customers WHERE name = {# x #} 'y'
--- root: another statement
TRUNCATE TABLE customers
--- root: another statement
DROP TABLE customers
--- root: another statement
ALTER TABLE customers ADD COLUMN x INT
--- root: another statement
SELECT 1
--- root: hidden behind an explanation
EXPLAIN ANALYZE DELETE FROM customers WHERE id = 1
--- empty: nothing
 ;

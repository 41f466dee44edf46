--- root
INSERT INTO customers (id, name) VALUES (9, 'x')
--- root
DELETE FROM customers
--- root
COPY customers TO 'x.csv'
--- root
COPY customers FROM 'x.csv'
--- root
ATTACH 'x.db' AS x
--- root
INSTALL httpfs
--- root
LOAD httpfs
--- root
SET enable_external_access = true
--- root
PRAGMA database_list
--- root
EXPORT DATABASE 'x'
--- root
IMPORT DATABASE 'x'
--- root
CHECKPOINT
--- root
EXPLAIN ANALYZE DELETE FROM customers
--- root
CREATE TABLE stolen AS SELECT 1
--- root
SUMMARIZE customers
--- root
PIVOT customers ON city USING COUNT(*)
--- root
CALL pragma_version()
--- several
SELECT 1; DELETE FROM customers
--- path
SELECT * FROM 'customers.csv'
--- path
SELECT * FROM "customers.csv"
--- path
FROM '/etc/passwd'
--- path
SELECT * FROM 'https://example.org/x.parquet'
--- function
SELECT * FROM read_csv('/etc/passwd')
--- function
SELECT * FROM read_parquet('x.parquet')
--- function
SELECT * FROM read_text('/etc/passwd')
--- function
SELECT * FROM glob('*')
--- function
SELECT * FROM query('DELETE FROM customers')
--- function
SELECT * FROM query_table('customers')
--- function
SELECT * FROM duckdb_settings()
--- function
SELECT getenv('HOME')
--- function
SELECT * FROM sqlite_scan('x.db', 't')
--- system_table
SELECT * FROM duckdb_tables
--- system_table
SELECT * FROM information_schema.tables
--- system_table
SELECT * FROM sqlite_master
--- qualified_table
SELECT * FROM other.customers
--- qualified_table
SELECT * FROM db.main.customers
--- unknown_table
SELECT * FROM df
--- unknown_column
SELECT password FROM customers
--- construct
SELECT {# x #} 1
--- word
SELECT CAST(name AS "x), getenv('HOME'") FROM customers
--- node
SELECT name COLLATE 'x, getenv(1)' FROM customers
--- function
SELECT COLUMNS('.*') FROM customers
--- option
SELECT * FROM customers USING SAMPLE 10
--- node
SELECT $1
--- limit
SELECT name FROM customers LIMIT 10%
--- function
SELECT repeat('x', 1000000000)
--- function
SELECT nextval('s')

--- : values
INSERT INTO customers (id, name) VALUES (1, 'it''s'), (2, NULL)
--- : without columns
INSERT INTO customers VALUES (1, 'a', 'b')
--- : functions and arithmetic
INSERT INTO customers (id, name) VALUES (1 + 2, UPPER('x'));
--- : a value of another table
INSERT INTO customers (id, name) VALUES (3, (SELECT MAX(name) FROM notes))
--- : set
UPDATE customers SET name = 'x', city = UPPER(city) WHERE id = 3
--- : qualified
UPDATE customers SET name = 'x' WHERE customers.id IN (1, 2)
--- : a subquery
UPDATE customers SET name = (SELECT MIN(n.name) FROM notes n WHERE n.city = 'Ulm') WHERE id = 3
--- : case
UPDATE customers SET name = CASE WHEN city = 'Ulm' THEN 'a' ELSE 'b' END WHERE city IS NOT NULL
--- : delete
DELETE FROM customers WHERE id BETWEEN 3 AND 5 OR name LIKE 'x%'
--- : delete by a subquery
DELETE FROM customers WHERE NOT EXISTS (SELECT 1 FROM notes n WHERE n.name = customers.name)
--- : a table without key may lose rows
DELETE FROM notes WHERE city = 'Ulm'

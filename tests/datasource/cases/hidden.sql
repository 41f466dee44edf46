SELECT ssn FROM customers
SELECT ssn AS ssn FROM customers
SELECT "ssn" FROM customers
SELECT c.ssn FROM customers AS c
SELECT c.ssn AS ssn FROM customers AS c
SELECT word FROM secrets
SELECT * FROM secrets
SELECT name FROM customers WHERE ssn LIKE '0%'
SELECT name FROM customers ORDER BY ssn
SELECT name, ssn AS ssn FROM customers ORDER BY ssn
SELECT ssn FROM customers, (SELECT COUNT(*) FROM orders) AS d
SELECT customers FROM customers
SELECT customers AS customers FROM customers
SELECT c AS c FROM customers AS c
SELECT x.d FROM customers AS x(a, b, c, d, e)
SELECT COUNT(c.*) FROM customers AS c
SELECT * FROM customers NATURAL JOIN orders
SELECT 1 FROM customers JOIN (SELECT 'x' AS ssn) AS p USING (ssn)
SELECT 1 FROM (SELECT 'x' AS ssn) AS p JOIN customers USING (ssn)
SELECT * EXCLUDE (name) FROM customers
SELECT (SELECT ssn FROM customers LIMIT 1)
SELECT o.id FROM orders AS o WHERE EXISTS (SELECT 1 FROM customers WHERE ssn = o.status)
SELECT GROUP_CONCAT(ssn) FROM customers
SELECT MAX(ssn) AS ssn FROM customers GROUP BY name
WITH x AS (SELECT ssn AS ssn FROM customers) SELECT ssn FROM x
SELECT o.secret FROM orders AS o JOIN secrets AS s ON s.id = o.secret

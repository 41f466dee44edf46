---
SELECT COUNT(*) FROM customers
---
select c.name, sum(i.quantity * i.unit_price) as revenue from customers c join orders o on o.customer_id = c.id join order_items i on i.order_id = o.id group by c.id, c.name order by revenue desc limit 5;
---
SELECT country, COUNT(DISTINCT id) n FROM customers GROUP BY country HAVING n > 0 ORDER BY n DESC, country
---
SELECT DATE_FORMAT(ordered_at, '%Y-%m') AS month, COUNT(*) FROM orders GROUP BY month ORDER BY month
---
SELECT name FROM customers WHERE created_at >= DATE_SUB('2024-06-01', INTERVAL 1 YEAR) ORDER BY name
---
SELECT YEAR(ordered_at) y, QUARTER(ordered_at) q, MONTHNAME(ordered_at) m, DAYNAME(ordered_at) FROM orders ORDER BY id
---
SELECT name, price, RANK() OVER (ORDER BY price DESC) r, SUM(price) OVER (PARTITION BY category ORDER BY id ROWS BETWEEN UNBOUNDED PRECEDING AND CURRENT ROW) s FROM products ORDER BY id
---
WITH spent AS (SELECT o.customer_id, SUM(i.quantity * i.unit_price) total FROM orders o JOIN order_items i ON i.order_id = o.id GROUP BY o.customer_id) SELECT c.name, s.total FROM spent s JOIN customers c ON c.id = s.customer_id WHERE s.total > (SELECT AVG(total) FROM spent) ORDER BY 1
---
WITH RECURSIVE chain (id, name, depth) AS (SELECT id, name, 0 FROM employees WHERE manager_id IS NULL UNION ALL SELECT e.id, e.name, c.depth + 1 FROM employees e JOIN chain c ON e.manager_id = c.id) SELECT name, depth FROM chain ORDER BY id
---
SELECT name FROM customers WHERE id NOT IN (SELECT customer_id FROM orders) AND NOT EXISTS (SELECT 1 FROM orders o WHERE o.customer_id = customers.id)
---
SELECT name FROM products WHERE name LIKE '%100\%%' OR name LIKE 'Lamp :x' OR name = '茶' ORDER BY id
---
SELECT 'it''s', "double \"quoted\"", 'back\\slash', '100%', '-- no comment', '/* none */', 'a;b', '{#'
---
(SELECT name FROM customers) UNION (SELECT name FROM employees) ORDER BY name LIMIT 3
---
SELECT name FROM customers UNION ALL SELECT name FROM products ORDER BY name
---
SELECT CASE WHEN price > 100 THEN 'high' WHEN price > 10 THEN 'mid' ELSE 'low' END AS band, AVG(price), MIN(price), MAX(price) FROM products GROUP BY band ORDER BY band
---
SELECT IFNULL(city, '?'), COALESCE(country, city, '-'), IF(id > 1, 'a', 'b'), NULLIF(id, 1) FROM customers ORDER BY id
---
SELECT UPPER(name), LENGTH(name), CHAR_LENGTH(name), SUBSTRING(name, 1, 2), LEFT(name, 1), CONCAT(name, ' (', country, ')'), CONCAT_WS(', ', city, country), REPLACE(name, 'n', 'm'), TRIM(name), LPAD(id, 3, '0'), SUBSTRING_INDEX(name, ' ', 1) FROM customers ORDER BY id
---
SELECT GROUP_CONCAT(DISTINCT name ORDER BY name SEPARATOR ', ') FROM products
---
SELECT ROUND(AVG(price), 2), FLOOR(1.5), CEIL(1.2), MOD(7, 3), 7 DIV 2, 7 % 3, ABS(-1), POWER(2, 3), SQRT(9), TRUNCATE(1.239, 2), STDDEV(price) FROM products
---
SELECT TIMESTAMPDIFF(DAY, '2024-01-01', '2024-03-01'), DATEDIFF('2024-03-01', '2024-01-01'), DATE_ADD('2024-01-31', INTERVAL 1 MONTH), LAST_DAY('2024-02-01'), EXTRACT(YEAR FROM '2024-02-01'), WEEKDAY('2024-02-01'), STR_TO_DATE('01.02.2024', '%d.%m.%Y'), CAST('2024-01-01' AS DATE) + INTERVAL 1 DAY
---
SELECT c.name, o.id FROM customers c LEFT JOIN orders o ON o.customer_id = c.id AND o.status <> 'cancelled' ORDER BY c.id, o.id
---
SELECT a.name, b.name FROM employees a, employees b WHERE a.manager_id = b.id ORDER BY 1
---
SELECT `note text`, `订单` FROM `order notes` WHERE `订单` = 1
---
SELECT name AS `顾客 name`, city AS 'the city' FROM customers ORDER BY id
---
SELECT * FROM paid_orders ORDER BY id
---
SELECT o.*, c.name FROM orders o JOIN customers c ON c.id = o.customer_id ORDER BY o.id
---
SELECT order_id FROM order_items JOIN orders ON orders.id = order_items.order_id WHERE (quantity, unit_price) IN ((1, 199.90), (2, 25)) ORDER BY order_id, product_id
---
SELECT status, SUM(CASE WHEN YEAR(ordered_at) = 2024 THEN 1 ELSE 0 END) / COUNT(*) AS share FROM orders GROUP BY status WITH ROLLUP
---
SELECT name FROM customers WHERE name REGEXP '^[AB]' ORDER BY name
---
SELECT CAST(price AS SIGNED), CAST(price AS CHAR), CONVERT(price, DECIMAL(12, 1)), CAST(id AS UNSIGNED) FROM products ORDER BY id
---
SELECT x.n FROM (SELECT COUNT(*) AS n, country FROM customers GROUP BY country) AS x ORDER BY x.n, x.country LIMIT 2 OFFSET 1
---
SELECT name FROM customers ORDER BY name LIMIT 1, 2
---
SELECT name -- the name
FROM customers # all of them
/* in order */ ORDER BY id
---
SELECT LAG(price) OVER w, LEAD(price, 1) OVER w, FIRST_VALUE(price) OVER w, ROW_NUMBER() OVER w FROM products WINDOW w AS (ORDER BY id)
---
SELECT name FROM customers WHERE created_at BETWEEN '2023-01-01' AND '2023-12-31' AND city IS NOT NULL AND country <=> 'Germany'
---
SELECT JSON_UNQUOTE(JSON_EXTRACT('{"a": 1}', '$.a')), JSON_EXTRACT('{"a": [1, 2]}', '$.a[1]')
---
SELECT name FROM customers WHERE city COLLATE utf8mb4_bin = 'München' OR BINARY name = 'Ann'
---
SELECT MAX(salary) FROM employees WHERE salary < (SELECT MAX(salary) FROM employees) AND hired_on > '2000-01-01'
---
SHOW TABLES
---
SHOW COLUMNS FROM customers
---
DESCRIBE orders
---
SHOW CREATE TABLE customers
---
SHOW INDEX FROM orders
---
EXPLAIN SELECT * FROM customers WHERE id = 1
---
SELECT country FROM customers INTERSECT SELECT country FROM customers WHERE id > 1
---
SELECT country FROM customers EXCEPT SELECT country FROM customers WHERE id > 1
---
SELECT status, COUNT(*) * 100 / SUM(COUNT(*)) OVER () AS share FROM orders GROUP BY status ORDER BY share DESC, status
---
SELECT name AS `rank`, price AS `system`, id AS `groups` FROM products ORDER BY `groups`
---
SELECT JSON_UNQUOTE(JSON_EXTRACT(JSON_ARRAYAGG(id), '$[0]')), JSON_LENGTH(JSON_OBJECTAGG(id, name)) FROM customers

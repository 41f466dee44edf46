---
SELECT COUNT(*) FROM customers
---
select c.name, sum(i.quantity * i.unit_price) as revenue from customers c join orders o on o.customer_id = c.id join order_items i on i.order_id = o.id group by c.id order by revenue desc limit 5;
---
SELECT strftime('%Y-%m', ordered_at) AS month, COUNT(*) FROM orders GROUP BY month ORDER BY month
---
SELECT name FROM customers WHERE date(created_at) >= date('2024-06-01', '-1 year', 'start of month') ORDER BY name
---
SELECT julianday('2024-03-01') - julianday('2024-01-01'), date('2024-01-31', '+1 month'), datetime('2024-01-01', 'unixepoch'), time('12:00'), unixepoch('2024-01-01')
---
SELECT country, COUNT(*) FILTER (WHERE city IS NOT NULL) n, total(id), group_concat(name, '; ') FROM customers GROUP BY country HAVING n > 0 ORDER BY country
---
SELECT name, price, rank() OVER (ORDER BY price DESC), sum(price) OVER (PARTITION BY category ORDER BY id ROWS BETWEEN 1 PRECEDING AND CURRENT ROW) FROM products ORDER BY id
---
WITH spent AS (SELECT o.customer_id, SUM(i.quantity * i.unit_price) total FROM orders o JOIN order_items i ON i.order_id = o.id GROUP BY o.customer_id), best(id) AS (SELECT customer_id FROM spent WHERE total > 100) SELECT c.name FROM customers c WHERE c.id IN (SELECT id FROM best) ORDER BY c.name
---
WITH RECURSIVE n(x) AS (SELECT 1 UNION ALL SELECT x + 1 FROM n WHERE x < 5) SELECT x FROM n
---
SELECT name FROM customers WHERE id NOT IN (SELECT customer_id FROM orders)
---
SELECT name FROM products WHERE name LIKE '%100!%%' ESCAPE '!' OR name LIKE 'Lamp :x' OR name GLOB '茶*' ORDER BY id
---
SELECT 'it''s', 'back\slash', '100%', '-- none', '/* none */', 'a;b', '{#', '?', ':x', '@y'
---
SELECT name FROM customers UNION SELECT name FROM employees ORDER BY name LIMIT 3
---
SELECT name FROM customers EXCEPT SELECT name FROM employees ORDER BY 1
---
SELECT city FROM customers INTERSECT SELECT city FROM customers WHERE id < 3 ORDER BY 1
---
SELECT CASE WHEN price > 100 THEN 'high' ELSE 'low' END AS band, AVG(price) FROM products GROUP BY band ORDER BY band
---
SELECT ifnull(city, '?'), coalesce(country, city), iif(id > 1, 'a', 'b'), nullif(id, 1), upper(name) || ' ' || lower(city), length(name), substr(name, 1, 2), instr(name, 'n'), replace(name, 'n', 'm'), trim(name), round(id / 3.0, 2), abs(-1), typeof(id), cast(id AS TEXT), printf('%03d', id) FROM customers ORDER BY id
---
SELECT "note text", "订单", [id], `id` FROM "order notes"
---
SELECT name AS "顾客 name", city AS 'the city' FROM customers ORDER BY "顾客 name"
---
SELECT name FROM main.customers ORDER BY customers.name COLLATE NOCASE DESC NULLS LAST
---
SELECT * FROM paid_orders ORDER BY id
---
SELECT o.*, c.name FROM orders o LEFT OUTER JOIN customers AS c ON c.id = o.customer_id ORDER BY o.id
---
SELECT name FROM (SELECT name, salary FROM employees ORDER BY salary DESC LIMIT 2) ORDER BY name
---
SELECT T1.name FROM customers AS T1 JOIN orders AS T2 ON T1.id = T2.customer_id GROUP BY T1.id HAVING COUNT(*) >= 2
---
SELECT max(salary), min(salary), sum(salary) / count(*) FROM employees WHERE hired_on BETWEEN '2015-01-01' AND '2020-12-31'
---
SELECT name, (SELECT COUNT(*) FROM orders WHERE orders.customer_id = customers.id) AS n FROM customers ORDER BY n DESC, name
---
SELECT id FROM order_items, products WHERE products.id = order_items.product_id AND (quantity BETWEEN 1 AND 3 OR NOT unit_price > 20) ORDER BY 1
---
SELECT json_extract('{"a": [1, 2]}', '$.a[1]'), '{"a": 1}' ->> '$.a', json_array_length('[1, 2]')
---
SELECT id, id FROM customers ORDER BY 1 DESC LIMIT 2 OFFSET 1
---
SELECT DISTINCT status FROM orders WHERE status IS NOT NULL AND ordered_at IS NOT '2024-01-01' ORDER BY status /* done */ -- end
---
SELECT x.column1 FROM (VALUES (1, 'a'), (2, 'b')) AS x
---
EXPLAIN QUERY PLAN SELECT name FROM customers

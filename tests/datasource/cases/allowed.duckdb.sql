---
SELECT date_trunc('month', ordered_at) AS month, count(*) FROM orders GROUP BY ALL ORDER BY ALL
---
SELECT country, count(*) AS n FROM customers GROUP BY country HAVING n > 0 ORDER BY n DESC, country LIMIT 5
---
FROM customers SELECT name LIMIT 3
---
SELECT name FROM main.customers WHERE name ILIKE 'a%' OR regexp_matches(name, '^B')
---
SELECT name, price FROM products QUALIFY row_number() OVER (PARTITION BY category ORDER BY price DESC) = 1
---
SELECT median(price), quantile_cont(price, 0.9), mode(category), arg_max(name, price), string_agg(name, ', '), list(name) FROM products
---
SELECT strftime(ordered_at, '%Y-%m'), year(ordered_at), datediff('day', ordered_at, current_date), ordered_at + INTERVAL 1 MONTH FROM orders
---
SELECT * EXCLUDE (salary) FROM employees
---
SELECT count(*) FILTER (WHERE status = 'paid') FROM orders
---
SELECT * FROM generate_series(1, 3) AS g(n)
---
SELECT try_cast(name AS INTEGER), name::VARCHAR, coalesce(city, '-') FROM customers
---
WITH t AS (SELECT * FROM orders WHERE status = 'paid') SELECT count(*) FROM t JOIN order_items i ON i.order_id = t.id
---
SELECT name FROM customers UNION ALL BY NAME SELECT name FROM employees
---
EXPLAIN SELECT name FROM customers
---
SELECT unnest([1, 2, 3]) AS n, len(name) FROM customers

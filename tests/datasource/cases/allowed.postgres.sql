---
SELECT date_trunc('month', ordered_at) AS month, count(*) FROM orders GROUP BY 1 ORDER BY 1
---
SELECT c.name, sum(i.quantity * i.unit_price)::numeric(12, 2) AS revenue FROM customers c JOIN orders o ON o.customer_id = c.id JOIN order_items i ON i.order_id = o.id GROUP BY c.name ORDER BY revenue DESC NULLS LAST LIMIT 5
---
SELECT name FROM customers WHERE created_at >= now() - interval '90 years' AND name ILIKE 'a%'
---
SELECT extract(year FROM ordered_at), to_char(ordered_at, 'YYYY-MM'), ordered_at + interval '3 months', age(ordered_at) FROM orders
---
SELECT string_agg(name, ', ' ORDER BY name), array_agg(DISTINCT country), percentile_cont(0.5) WITHIN GROUP (ORDER BY id) FROM customers
---
SELECT count(*) FILTER (WHERE status = 'paid') AS paid FROM orders
---
WITH RECURSIVE n(x) AS (SELECT 1 UNION ALL SELECT x + 1 FROM n WHERE x < 5) SELECT x FROM n
---
SELECT name FROM customers WHERE name ~ '^A' OR name SIMILAR TO '(A|B)%' OR name !~* 'x'
---
SELECT * FROM generate_series(1, 3) AS g(n)
---
SELECT name FROM public.customers FETCH FIRST 3 ROWS ONLY
---
SELECT DISTINCT ON (country) country, name FROM customers ORDER BY country, created_at DESC
---
SELECT name, row_number() OVER (PARTITION BY category ORDER BY price DESC) FROM products
---
SELECT coalesce(city, 'none'), greatest(1, 2), split_part(name, ' ', 1), initcap(name), name || ' x', position('a' in name), concat(name, city) FROM customers
---
SELECT o.id, x.total FROM orders o CROSS JOIN LATERAL (SELECT sum(i.quantity) AS total FROM order_items i WHERE i.order_id = o.id) AS x
---
SELECT country, count(*) FROM customers GROUP BY ROLLUP (country)
---
SELECT 'it''s', E'a\'b' FROM customers
---
SELECT CAST(price AS integer), price::text, round(price, 1) FROM products WHERE price = ANY (ARRAY[25, 7.5])
---
EXPLAIN SELECT name FROM customers
---
SELECT name FROM customers WHERE (id, name) IN (SELECT id, name FROM customers) AND created_at::date < CURRENT_DATE
---
SELECT ('{"a": 1}'::jsonb) ->> 'a', json_build_object('n', 1)

SELECT COUNT(*) FROM customers
SELECT DISTINCT customers.city FROM customers WHERE customers.country = 'Germany' ORDER BY customers.city ASC
SELECT customers.name, SUM(order_items.quantity * order_items.unit_price) AS total_spent FROM customers JOIN orders ON orders.customer_id = customers.id JOIN order_items ON order_items.order_id = orders.id GROUP BY customers.name ORDER BY COUNT(*) DESC LIMIT 5
SELECT products.name FROM products WHERE products.price > (SELECT AVG(products.price) FROM products)
SELECT customers.name FROM customers WHERE customers.id NOT IN (SELECT orders.customer_id FROM orders)
SELECT STRFTIME('%Y', orders.ordered_at), COUNT(*) FROM orders GROUP BY STRFTIME('%Y', orders.ordered_at)
SELECT customers.city FROM customers UNION SELECT customers.country FROM customers
SELECT RANK() OVER (PARTITION BY products.category ORDER BY products.price DESC) AS n FROM products
SELECT SUM(CASE WHEN orders.status = 'paid' THEN 1 END) FROM orders
WITH pair AS (SELECT orders.customer_id AS value_1, COUNT(*) AS value_2 FROM orders GROUP BY orders.customer_id) SELECT customers.name FROM customers JOIN pair ON pair.value_1 = customers.id WHERE pair.value_2 > 1
WITH pair AS (SELECT orders.customer_id AS value_1, COUNT(*) AS value_2 FROM orders GROUP BY orders.customer_id), single AS (SELECT AVG(pair.value_2) AS value_1 FROM pair) SELECT pair.value_1 FROM pair CROSS JOIN single WHERE pair.value_2 > single.value_1
SELECT AVG(single.value_1) FROM (SELECT COUNT(*) AS value_1 FROM orders GROUP BY orders.customer_id) AS single
SELECT customers.name, pair.value_2 FROM customers JOIN (SELECT orders.customer_id AS value_1, MAX(orders.ordered_at) AS value_2 FROM orders GROUP BY orders.customer_id) AS pair ON customers.id = pair.value_1
SELECT products.name FROM products JOIN products AS products_2 ON products.category = products_2.category WHERE products.price > products_2.price
SELECT products.name FROM products WHERE products.price = (SELECT MAX(products_2.price) FROM products AS products_2 WHERE products_2.category = products.category)
SELECT customers.name FROM customers WHERE NOT EXISTS (SELECT 1 FROM orders WHERE orders.customer_id = customers.id)
SELECT customers.name, customers.city FROM customers WHERE customers.country = 'France' EXCEPT SELECT customers.name, customers.city FROM customers JOIN orders ON orders.customer_id = customers.id ORDER BY 1 LIMIT 3
SELECT products.category, CASE WHEN products.price > 100 THEN 'dear' WHEN products.price > 10 THEN 'fair' ELSE 'cheap' END FROM products
SELECT 100.0 * SUM(CASE WHEN orders.status = 'paid' THEN 1 ELSE 0 END) / COUNT(*) AS share_of_paid FROM orders
SELECT orders.id, SUM(orders.id) OVER (PARTITION BY orders.status ORDER BY orders.ordered_at) FROM orders
SELECT orders.status, LAG(orders.id) OVER (ORDER BY orders.ordered_at ASC) FROM orders
SELECT orders.status FROM orders GROUP BY orders.status HAVING COUNT(*) > 3 AND MAX(orders.id) < 100
SELECT COUNT(*) FROM orders WHERE orders.ordered_at >= DATE('now', '-3 months')
SELECT customers.name FROM customers WHERE customers.name = 'O''Brien' LIMIT 5 OFFSET 5
SELECT "order notes"."订单" FROM "order notes"
WITH pair AS (SELECT customers.city AS value_1, COUNT(*) AS value_2 FROM customers GROUP BY customers.city UNION ALL SELECT customers.country AS value_1, COUNT(*) AS value_2 FROM customers GROUP BY customers.country) SELECT pair.value_1 FROM pair ORDER BY pair.value_2 DESC LIMIT 3
SELECT COUNT(*) FROM (SELECT customers.city AS value_1 FROM customers EXCEPT SELECT customers.country AS value_1 FROM customers) AS single
SELECT UPPER(customers.city), ROUND(AVG(products.price), 2), AVG(products.price) FROM customers CROSS JOIN products
SELECT CASE WHEN products.price > 10 THEN 'dear' WHEN products.price > 5 THEN 'fair' ELSE 'cheap' END, COUNT(CASE WHEN products.price > 10 AND products.id > 0 THEN products.price ELSE 0 END) FROM products
SELECT COALESCE(customers.city, 'none'), LAG(customers.name) OVER (PARTITION BY customers.country, customers.city ORDER BY SUM(customers.id) DESC) FROM customers

SELECT customers.password FROM customers
SELECT secret.id FROM secret
SELECT customers.name FROM orders
SELECT orders.id FROM orders WHERE customers.name = 'x'
SELECT orders.id FROM orders JOIN orders ON orders.id = orders.id
SELECT products_2.name FROM products
SELECT orders.id FROM orders JOIN products AS orders_2 ON orders_2.id = orders.id
SELECT pair.value_1 FROM (SELECT orders.id AS value_1 FROM orders) AS pair
SELECT single.value_2 FROM (SELECT orders.id AS value_1 FROM orders) AS single
SELECT orders.id FROM orders WHERE orders.id IN (SELECT customers.id FROM orders)
SELECT orders.id FROM orders WHERE orders.id = (SELECT MAX(products.price) FROM products WHERE customers.id = 1)
SELECT customers.name, customers.city FROM customers UNION SELECT customers.name FROM customers
SELECT pair.value_1 FROM pair
SELECT customers.name FROM customers; DELETE FROM customers
DELETE FROM customers
SELECT load_extension('x') FROM customers
WITH pair AS (SELECT customers.city AS value_1, COUNT(*) AS value_2 FROM customers GROUP BY customers.city UNION SELECT customers.city AS value_1 FROM customers) SELECT pair.value_1 FROM pair
SELECT COALESCE(customers.city) FROM customers
SELECT UPPER(customers.city) OVER () FROM customers
SELECT ROUND(AVG(products.price)) OVER () FROM products
SELECT SUM(CASE WHEN products.price > 10 THEN 'dear' END) FROM products
SELECT RANK() OVER (PARTITION BY products.category DESC) FROM products
SELECT RANK() OVER (ORDER BY products.price, products.id) FROM products
SELECT LAG(customers.name, 'x') FROM customers

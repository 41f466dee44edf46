CREATE TABLE customers (
  id INTEGER PRIMARY KEY,
  name VARCHAR(40) NOT NULL,
  city VARCHAR(40),
  country VARCHAR(40),
  created_at DATETIME
);
CREATE TABLE products (
  id INTEGER PRIMARY KEY,
  name VARCHAR(60) NOT NULL,
  category VARCHAR(20),
  price DECIMAL(10, 2)
);
CREATE TABLE orders (
  id INTEGER PRIMARY KEY,
  customer_id INTEGER NOT NULL,
  ordered_at DATE,
  status VARCHAR(10),
  FOREIGN KEY (customer_id) REFERENCES customers (id)
);
CREATE TABLE order_items (
  order_id INTEGER NOT NULL,
  product_id INTEGER NOT NULL,
  quantity INTEGER NOT NULL,
  unit_price DECIMAL(10, 2) NOT NULL,
  PRIMARY KEY (order_id, product_id),
  FOREIGN KEY (order_id) REFERENCES orders (id),
  FOREIGN KEY (product_id) REFERENCES products (id)
);
CREATE TABLE employees (
  id INTEGER PRIMARY KEY,
  name VARCHAR(40) NOT NULL,
  manager_id INTEGER,
  salary DECIMAL(10, 2),
  hired_on DATE
);
CREATE TABLE `order notes` (
  id INTEGER PRIMARY KEY,
  `订单` INTEGER,
  `note text` VARCHAR(200)
);
CREATE VIEW paid_orders AS SELECT id, customer_id, ordered_at FROM orders WHERE status = 'paid';
INSERT INTO customers VALUES (1, 'Ann', 'München', 'Germany', '2023-01-05 10:00:00');
INSERT INTO customers VALUES (2, 'Bob', 'São Paulo', 'Brazil', '2023-02-11 12:30:00');
INSERT INTO customers VALUES (3, '王芳', '北京', '中国', '2024-03-01 08:15:00');
INSERT INTO customers VALUES (4, 'Dave O''Neil', 'New York', 'USA', NULL);
INSERT INTO products VALUES (1, 'Desk 100%', 'furniture', 199.90);
INSERT INTO products VALUES (2, 'Lamp :x', 'light', 25.00);
INSERT INTO products VALUES (3, '茶', 'food', 7.50);
INSERT INTO orders VALUES (1, 1, '2023-05-02', 'paid');
INSERT INTO orders VALUES (2, 1, '2024-01-15', 'open');
INSERT INTO orders VALUES (3, 2, '2024-02-20', 'paid');
INSERT INTO orders VALUES (4, 3, '2024-02-28', 'cancelled');
INSERT INTO order_items VALUES (1, 1, 1, 199.90);
INSERT INTO order_items VALUES (1, 2, 2, 25.00);
INSERT INTO order_items VALUES (2, 3, 10, 7.00);
INSERT INTO order_items VALUES (3, 2, 4, 24.00);
INSERT INTO order_items VALUES (4, 1, 1, 180.00);
INSERT INTO employees VALUES (1, 'Eve', NULL, 90000, '2015-01-01');
INSERT INTO employees VALUES (2, 'Frank', 1, 50000, '2019-06-15');
INSERT INTO employees VALUES (3, 'Grace', 1, 61000, '2020-10-30');
INSERT INTO `order notes` VALUES (1, 1, 'ring twice');

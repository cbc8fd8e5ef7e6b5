-- Rows: every table that is written has to be known as one with transactions.

=== INSERT … LAST_INSERT_ID through a variable
--- setup
CREATE TABLE par (id INT PRIMARY KEY AUTO_INCREMENT, v INT);
CREATE TABLE ch (par INT);
INSERT INTO par (id, v) VALUES (41, 0);
--- migration
INSERT INTO par (id, v) VALUES (42, 1);
INSERT INTO par (v) SELECT 2;
SET @id = LAST_INSERT_ID();
INSERT INTO ch SELECT id FROM par WHERE v = 2 AND id = @id;
INSERT INTO ch SELECT @id - id FROM par WHERE v = 2;
DELETE FROM ch WHERE par > 40;
UPDATE par SET id = 1000 WHERE v = 2;

=== rows through a view over a MyISAM table
-- asks: 1
--- setup
CREATE TABLE m (x INT) ENGINE=MyISAM;
CREATE VIEW w AS SELECT x FROM m;
CREATE VIEW w2 AS SELECT x FROM w;
--- migration
INSERT INTO w2 VALUES (1);
CREATE TABLE t (id INT);

=== rows through a view over an InnoDB table
--- setup
CREATE TABLE i (x INT);
CREATE VIEW w AS SELECT x FROM i;
CREATE VIEW w2 AS SELECT x FROM w;
--- migration
INSERT INTO w2 VALUES (1);
UPDATE w SET x = x + 1;

=== a trigger that writes a MyISAM table
-- asks: 1
--- setup
CREATE TABLE i (x INT);
CREATE TABLE m (x INT) ENGINE=MyISAM;
CREATE TRIGGER tr AFTER INSERT ON i FOR EACH ROW INSERT INTO m VALUES (NEW.x);
--- migration
INSERT INTO i VALUES (1);
UPDATE i SET x = x + 1;

=== a trigger that writes an InnoDB table, and one that reads a MyISAM table
--- setup
CREATE TABLE i (x INT);
CREATE TABLE log (x INT);
CREATE TABLE m (x INT) ENGINE=MyISAM;
INSERT INTO m VALUES (3);
CREATE TRIGGER tr AFTER INSERT ON i FOR EACH ROW INSERT INTO log SELECT x FROM m;
--- migration
INSERT INTO i VALUES (1);
INSERT INTO i SELECT x FROM m;
UPDATE i SET x = x + 1;

=== UPDATE and DELETE over two tables, one of them MyISAM
-- asks: 1, 2
--- setup
CREATE TABLE i (id INT PRIMARY KEY, x INT);
CREATE TABLE m (id INT PRIMARY KEY, x INT) ENGINE=MyISAM;
INSERT INTO i VALUES (1, 1), (2, 2);
INSERT INTO m VALUES (1, 1), (2, 2);
--- migration
UPDATE i JOIN m ON m.id = i.id SET i.x = i.x + 1, m.x = m.x + 1;
DELETE i, m FROM i JOIN m ON m.id = i.id WHERE i.id = 1;
UPDATE i SET x = x + 1;

=== UPDATE and DELETE over two InnoDB tables
--- setup
CREATE TABLE i (id INT PRIMARY KEY, x INT);
CREATE TABLE j (id INT PRIMARY KEY, x INT);
INSERT INTO i VALUES (1, 1), (2, 2);
INSERT INTO j VALUES (1, 1), (2, 2);
--- migration
UPDATE i JOIN j ON j.id = i.id SET i.x = i.x + 1, j.x = j.x + 1;
UPDATE i, j SET i.x = i.x + j.x WHERE i.id = j.id;
DELETE i, j FROM i JOIN j ON j.id = i.id WHERE i.id = 1;
DELETE FROM j USING j JOIN i ON i.id = j.id;

=== engines without transactions
-- asks: 1, 2, 3
--- setup
CREATE TABLE c (x INT NOT NULL) ENGINE=CSV;
CREATE TABLE m (x INT) ENGINE=MEMORY;
CREATE TABLE one (x INT) ENGINE=MyISAM;
CREATE TABLE two (x INT) ENGINE=MyISAM;
CREATE TABLE g (x INT) ENGINE=MERGE UNION=(one, two) INSERT_METHOD=LAST;
--- migration
INSERT INTO c VALUES (1);
INSERT INTO m VALUES (1);
INSERT INTO g VALUES (1);

=== a stored function that writes, in SELECT, SET and DO
--- setup
CREATE TABLE k (x INT);
CREATE TABLE l (x INT);
CREATE FUNCTION f() RETURNS INT DETERMINISTIC MODIFIES SQL DATA BEGIN INSERT INTO l VALUES (1); RETURN 5; END;
--- migration
SELECT f();
DO f();
INSERT INTO k VALUES (f() + 1);
INSERT INTO l VALUES (9);

=== a variable set by a stored function that writes
--- setup
CREATE TABLE l (x INT);
CREATE TABLE k (x INT);
CREATE FUNCTION f() RETURNS INT DETERMINISTIC MODIFIES SQL DATA BEGIN INSERT INTO l VALUES (1); RETURN 5; END;
--- migration
SET @x = f();
INSERT INTO k VALUES (@x);

=== a stored function that writes a MyISAM table
-- asks: 1, 2
--- setup
CREATE TABLE l (x INT) ENGINE=MyISAM;
CREATE TABLE k (x INT);
CREATE FUNCTION f() RETURNS INT DETERMINISTIC MODIFIES SQL DATA BEGIN INSERT INTO l VALUES (1); RETURN 5; END;
--- migration
SELECT f();
INSERT INTO k VALUES (f());
INSERT INTO k VALUES (1);

=== rows of a partitioned table
--- setup
CREATE TABLE t (id INT PRIMARY KEY) PARTITION BY HASH (id) PARTITIONS 3;
--- migration
INSERT INTO t VALUES (1), (2), (3);
DELETE FROM t WHERE id = 2;

=== rows with WITH, REPLACE and ON DUPLICATE KEY
--- setup
CREATE TABLE t (id INT PRIMARY KEY, v INT);
CREATE TABLE c (id INT PRIMARY KEY, t INT, FOREIGN KEY (t) REFERENCES t (id) ON DELETE CASCADE);
INSERT INTO t VALUES (1, 1), (2, 2);
INSERT INTO c VALUES (1, 1), (2, 2);
--- migration
INSERT INTO t WITH x AS (SELECT 3 AS a) SELECT a, a FROM x;
INSERT INTO t VALUES (3, 1) ON DUPLICATE KEY UPDATE v = v + 10;
REPLACE INTO t VALUES (2, 50);
DELETE FROM t WHERE id = 1;
UPDATE t SET v = v + 1;

=== rows of a table from itself
--- setup
CREATE TABLE t (id INT PRIMARY KEY AUTO_INCREMENT, v INT);
INSERT INTO t (v) VALUES (1), (2);
--- migration
INSERT INTO t (id, v) SELECT id + 10, v FROM t;
INSERT INTO t (id, v) SELECT id + 100, v FROM t;
UPDATE t SET v = v * 2 ORDER BY id DESC LIMIT 3;
DELETE FROM t ORDER BY id LIMIT 1;

=== what a statement sets for the next one
--- setup
CREATE TABLE t (id INT PRIMARY KEY AUTO_INCREMENT, v INT);
CREATE TABLE c (s VARCHAR(9) CHARACTER SET utf8mb4);
--- migration
SET insert_id = 50;
INSERT INTO t (v) VALUES (1);
SET NAMES latin1;
INSERT INTO c VALUES (CONVERT(X'E9' USING latin1));
SET @s = _latin1 X'E9';
INSERT INTO c VALUES (@s);
SET TRANSACTION ISOLATION LEVEL READ COMMITTED;
INSERT INTO t (id, v) VALUES (60, 2);

=== the server's lock of this run given back by the file
--- setup
CREATE TABLE t (x INT);
CREATE PROCEDURE p() BEGIN DO RELEASE_ALL_LOCKS(); INSERT INTO t VALUES (2); END;
--- migration
DO RELEASE_ALL_LOCKS();
INSERT INTO t VALUES (1);
CALL p();
ALTER TABLE t ADD COLUMN y INT;
START TRANSACTION;
INSERT INTO t VALUES (3, 3);
COMMIT;

=== a trigger made, fired and dropped by the file
--- setup
CREATE TABLE t (x INT);
CREATE TABLE log (x INT);
--- migration
CREATE TRIGGER tr AFTER INSERT ON t FOR EACH ROW INSERT INTO log VALUES (NEW.x);
INSERT INTO t VALUES (1);
INSERT INTO t VALUES (2);
DROP TRIGGER tr;
INSERT INTO t VALUES (3);

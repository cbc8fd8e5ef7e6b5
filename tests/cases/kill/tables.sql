-- Statements after which a table may look exactly as before.

=== TRUNCATE, and the application inserts meanwhile
-- asks without PROCESS: 1
-- between from: 1
-- between: INSERT INTO {db}.t VALUES (99)
--- setup
CREATE TABLE t (id INT PRIMARY KEY);
INSERT INTO t VALUES (1), (2);
--- migration
TRUNCATE TABLE t;
CREATE TABLE u (id INT);

=== TRUNCATE of a partitioned table
-- asks after a crash: 1
-- asks without PROCESS: 1
-- between from: 1
-- between: INSERT INTO {db}.t VALUES (5)
--- setup
CREATE TABLE t (id INT PRIMARY KEY) PARTITION BY RANGE (id) (PARTITION p0 VALUES LESS THAN (10), PARTITION p1 VALUES LESS THAN (20));
INSERT INTO t VALUES (1), (15);
--- migration
TRUNCATE t;

=== TRUNCATE PARTITION, and the application inserts meanwhile
-- asks without PROCESS: 1
-- between from: 1
-- between: INSERT INTO {db}.t VALUES (5)
--- setup
CREATE TABLE t (id INT PRIMARY KEY) PARTITION BY RANGE (id) (PARTITION p0 VALUES LESS THAN (10), PARTITION p1 VALUES LESS THAN (20));
INSERT INTO t VALUES (1), (15);
--- migration
ALTER TABLE t TRUNCATE PARTITION p0;

=== EXCHANGE PARTITION with a table of the same shape
-- asks without PROCESS: 1
--- setup
CREATE TABLE t (id INT PRIMARY KEY) PARTITION BY RANGE (id) (PARTITION p0 VALUES LESS THAN (10), PARTITION p1 VALUES LESS THAN (20));
CREATE TABLE u (id INT PRIMARY KEY);
INSERT INTO t VALUES (1), (15);
INSERT INTO u VALUES (2), (3);
--- migration
ALTER TABLE t EXCHANGE PARTITION p0 WITH TABLE u;
INSERT INTO u VALUES (8);

=== DROP and CREATE of the same shape
-- asks without PROCESS: none
-- between from: 2
-- between: INSERT INTO {db}.t VALUES (99)
--- setup
CREATE TABLE t (id INT PRIMARY KEY);
INSERT INTO t VALUES (1);
--- migration
DROP TABLE t;
CREATE TABLE t (id INT PRIMARY KEY);
INSERT INTO t VALUES (2);

=== CREATE OR REPLACE TABLE of the same shape
-- asks after a crash: 1
-- asks without PROCESS: none
-- only: mariadb
-- between from: 1
-- between: INSERT INTO {db}.t VALUES (99)
--- setup
CREATE TABLE t (id INT PRIMARY KEY);
INSERT INTO t VALUES (1);
--- migration
CREATE OR REPLACE TABLE t (id INT PRIMARY KEY);

=== CREATE OR REPLACE of views and routines
-- only: mariadb
--- setup
CREATE TABLE t (id INT PRIMARY KEY);
CREATE VIEW w AS SELECT id FROM t;
CREATE PROCEDURE p() SELECT 1;
--- migration
CREATE OR REPLACE VIEW w AS SELECT id FROM t;
CREATE OR REPLACE VIEW w AS SELECT id + 1 AS id FROM t;
CREATE OR REPLACE PROCEDURE p() SELECT 2;
CREATE OR REPLACE TRIGGER tr BEFORE INSERT ON t FOR EACH ROW SET NEW.id = NEW.id + 1;
INSERT INTO t VALUES (1);

=== a column dropped and added anew, and the application writes it meanwhile
-- asks after a crash: 1
-- asks without PROCESS: none
-- between from: 1
-- between: UPDATE {db}.t SET v = 5
--- setup
CREATE TABLE t (id INT PRIMARY KEY, v INT);
INSERT INTO t VALUES (1, 1), (2, 2);
--- migration
ALTER TABLE t DROP COLUMN v, ADD COLUMN v INT;

=== two columns that change their names
-- asks after a crash: 1
-- asks without PROCESS: none
--- setup
CREATE TABLE t (id INT PRIMARY KEY, a INT, b INT);
INSERT INTO t VALUES (1, 10, 20);
--- migration
ALTER TABLE t CHANGE b a INT AFTER id, CHANGE a b INT;

=== ALTERs that change nothing that is seen
--- setup
CREATE TABLE t (id INT PRIMARY KEY AUTO_INCREMENT, v INT, KEY k (v));
INSERT INTO t (v) VALUES (1), (2);
--- migration
ALTER TABLE t FORCE;
ALTER TABLE t ENGINE=InnoDB;
ALTER TABLE t MODIFY v INT;
ALTER TABLE t DROP KEY k, ADD KEY k (v);
ALTER TABLE t ORDER BY v;
ALTER TABLE t AUTO_INCREMENT = 500;
INSERT INTO t (id, v) VALUES (600, 3);
OPTIMIZE TABLE t;
ANALYZE TABLE t;

=== CREATE TABLE from a query
--- setup
CREATE TABLE s (id INT PRIMARY KEY, v INT);
INSERT INTO s VALUES (1, 1), (2, 2), (3, 3);
--- migration
CREATE TABLE t AS SELECT * FROM s;
CREATE TABLE u (id INT PRIMARY KEY) SELECT id FROM s WHERE id > 1;
INSERT INTO u VALUES (50);

=== CREATE TABLE from a query, in MyISAM
-- asks: 1
--- setup
CREATE TABLE s (id INT PRIMARY KEY, v INT);
INSERT INTO s VALUES (1, 1), (2, 2), (3, 3);
--- migration
CREATE TABLE t ENGINE=MyISAM AS SELECT * FROM s;

=== several tables dropped at once
-- asks after a crash: 1
--- setup
CREATE TABLE a (id INT);
CREATE TABLE b (id INT);
CREATE TABLE c (id INT);
--- migration
DROP TABLE a, b;
DROP TABLE IF EXISTS b, c;
CREATE TABLE IF NOT EXISTS a (id INT, v INT);

=== tables, indexes and keys of many kinds
--- setup
CREATE TABLE p (id INT PRIMARY KEY);
--- migration
CREATE TABLE t (id INT PRIMARY KEY, v VARCHAR(20), pid INT);
ALTER TABLE t ADD COLUMN w INT NOT NULL DEFAULT 3, ADD INDEX by_v (v);
CREATE UNIQUE INDEX u ON t (w, id);
ALTER TABLE t ADD CONSTRAINT fk FOREIGN KEY (pid) REFERENCES p (id);
INSERT INTO p VALUES (1);
INSERT INTO t VALUES (1, 'x', 1, 4);
ALTER TABLE t RENAME INDEX by_v TO by_value;
ALTER TABLE t DROP FOREIGN KEY fk, DROP INDEX u;
ALTER TABLE t RENAME TO t2, ADD COLUMN z INT;
RENAME TABLE t2 TO t3;

=== MyISAM becomes InnoDB
--- setup
CREATE TABLE t (id INT PRIMARY KEY) ENGINE=MyISAM;
INSERT INTO t VALUES (1);
--- migration
ALTER TABLE t ENGINE=InnoDB;
INSERT INTO t VALUES (2);

=== a database of one's own
--- setup
--- migration
CREATE DATABASE {db}_new;
CREATE TABLE {db}_new.t (id INT);
DROP DATABASE {db}_new;

=== a sequence
-- asks after a crash: 2
-- only: mariadb
--- setup
CREATE TABLE t (id INT);
CREATE SEQUENCE s START WITH 10;
--- migration
ALTER SEQUENCE s RESTART 100;
CREATE SEQUENCE r START WITH 5;
DROP SEQUENCE s;

=== events
-- asks: 1
--- setup
CREATE TABLE t (id INT);
--- migration
CREATE EVENT e ON SCHEDULE AT CURRENT_TIMESTAMP + INTERVAL 1 DAY DO INSERT INTO t VALUES (1);
CREATE EVENT f ON SCHEDULE EVERY 1 DAY STARTS '2037-01-01 00:00:00' DO INSERT INTO t VALUES (1);
ALTER EVENT f RENAME TO g;
DROP EVENT g;

=== TRUNCATE PARTITION of two of three
-- asks without PROCESS: 1
-- asks after a crash: 1
-- between from: 1
-- between: INSERT INTO {db}.t VALUES (5)
--- setup
CREATE TABLE t (id INT PRIMARY KEY) PARTITION BY RANGE (id) (PARTITION p0 VALUES LESS THAN (10), PARTITION p1 VALUES LESS THAN (20), PARTITION p2 VALUES LESS THAN (30));
INSERT INTO t VALUES (1), (15), (25);
--- migration
ALTER TABLE t TRUNCATE PARTITION p0, p1;

=== a column dropped and added anew, twice, at a time that the file sets
-- asks: 2, 3
-- between from: 3
-- between: UPDATE {db}.t SET v = 5
--- setup
CREATE TABLE t (id INT PRIMARY KEY, v INT);
INSERT INTO t VALUES (1, 1), (2, 2);
--- migration
SET timestamp = 1000000000;
ALTER TABLE t DROP COLUMN v, ADD COLUMN v INT;
ALTER TABLE t DROP COLUMN v, ADD COLUMN v INT;
CREATE TABLE u (made TIMESTAMP DEFAULT CURRENT_TIMESTAMP);
INSERT INTO u VALUES ();

=== DROP TABLE IF EXISTS of a table that the application makes meanwhile
-- between from: 1
-- between: CREATE TABLE {db}.gone (id INT)
--- setup
CREATE TABLE t (id INT);
--- migration
DROP TABLE IF EXISTS gone;
INSERT INTO t VALUES (1);

=== CREATE TABLE from a query that calls a function which writes a MyISAM table
-- only: mariadb
-- asks: 1
--- setup
CREATE TABLE m (x INT) ENGINE=MyISAM;
CREATE FUNCTION f() RETURNS INT DETERMINISTIC MODIFIES SQL DATA BEGIN INSERT INTO m VALUES (1); RETURN 5; END;
--- migration
CREATE TABLE t AS SELECT f() AS x;
CREATE TABLE u (x INT);

=== CREATE OR REPLACE TABLE from a query, in MyISAM
-- only: mariadb
-- asks: 1
--- setup
CREATE TABLE s (id INT PRIMARY KEY);
CREATE TABLE t (id INT PRIMARY KEY) ENGINE=MyISAM;
INSERT INTO s VALUES (1), (2);
INSERT INTO t VALUES (9);
--- migration
CREATE OR REPLACE TABLE t ENGINE=MyISAM AS SELECT id FROM s;

=== partitions that come and go
--- setup
CREATE TABLE t (id INT PRIMARY KEY) PARTITION BY RANGE (id) (PARTITION p0 VALUES LESS THAN (10), PARTITION p1 VALUES LESS THAN (20));
INSERT INTO t VALUES (1), (15);
--- migration
ALTER TABLE t ADD PARTITION (PARTITION p2 VALUES LESS THAN (30));
ALTER TABLE t REORGANIZE PARTITION p1, p2 INTO (PARTITION p12 VALUES LESS THAN (30));
ALTER TABLE t DROP PARTITION p0;
ALTER TABLE t REBUILD PARTITION p12;
ALTER TABLE t REMOVE PARTITIONING;

=== a table renamed several times, views and triggers with it
--- setup
CREATE TABLE a (id INT PRIMARY KEY);
CREATE TABLE b (id INT PRIMARY KEY, v INT);
CREATE TRIGGER tr BEFORE INSERT ON a FOR EACH ROW SET NEW.id = NEW.id + 1;
INSERT INTO a VALUES (1);
--- migration
RENAME TABLE a TO c, b TO a, c TO d;
INSERT INTO d VALUES (5);
RENAME TABLE d TO e, a TO d;
ALTER TABLE e RENAME TO a;

=== a database's defaults, with and without its name
-- asks: 1
--- setup
--- migration
ALTER DATABASE CHARACTER SET latin1;
CREATE TABLE t (s VARCHAR(9));
ALTER DATABASE {db} CHARACTER SET utf8mb4;
CREATE TABLE u (s VARCHAR(9));

-- Names that move or stand for another thing after a USE. `{db}` is the migrated database, `{other}` another one.

=== a ring of renames over tables of one shape
-- asks without PROCESS: 1
--- setup
CREATE TABLE a (id INT PRIMARY KEY, v VARCHAR(20));
CREATE TABLE b LIKE a;
INSERT INTO a VALUES (1, 'was a');
INSERT INTO b VALUES (2, 'was b');
--- migration
RENAME TABLE a TO tmp, b TO a, tmp TO b;
INSERT INTO a VALUES (10, 'after');

=== a ring of renames over three tables of one shape
-- asks without PROCESS: 1
--- setup
CREATE TABLE a (id INT PRIMARY KEY);
CREATE TABLE b LIKE a;
CREATE TABLE c LIKE a;
INSERT INTO a VALUES (1);
INSERT INTO b VALUES (2);
INSERT INTO c VALUES (3);
--- migration
RENAME TABLE a TO x, b TO a, c TO b, x TO c;

=== a ring of renames over MyISAM tables of one shape
-- asks: 1
--- setup
CREATE TABLE a (id INT PRIMARY KEY) ENGINE=MyISAM;
CREATE TABLE b LIKE a;
INSERT INTO a VALUES (1);
--- migration
RENAME TABLE a TO tmp, b TO a, tmp TO b;

=== a rename into another database and back again
--- setup
CREATE TABLE a (id INT PRIMARY KEY);
INSERT INTO a VALUES (1);
--- migration
RENAME TABLE a TO {other}.a;
INSERT INTO {other}.a VALUES (2);
ALTER TABLE {other}.a RENAME TO {db}.b;

=== a table dropped after USE, there only in the other database
--- setup
CREATE TABLE {other}.d (id INT);
--- migration
USE {other};
DROP TABLE d;
CREATE TABLE e (id INT PRIMARY KEY);
ALTER TABLE e ADD COLUMN v INT;
INSERT INTO e VALUES (1, 1);
USE {db};
CREATE TABLE e (id INT PRIMARY KEY, other INT);

=== a table of the same name in both databases
--- setup
CREATE TABLE d (id INT);
CREATE TABLE {other}.d (id INT, v INT);
--- migration
USE {other};
DROP TABLE d;
CREATE TABLE d (id INT);
INSERT INTO d VALUES (1);
USE {db};
INSERT INTO d VALUES (2);
ALTER TABLE d ADD COLUMN w INT;

=== rows of a MyISAM table of the other database
-- asks: 2
--- setup
CREATE TABLE l (x INT) ENGINE=InnoDB;
CREATE TABLE {other}.l (x INT) ENGINE=MyISAM;
--- migration
USE {other};
INSERT INTO l VALUES (1);
USE {db};
INSERT INTO l VALUES (2);

=== views, routines and triggers after USE
--- setup
CREATE TABLE {other}.t (id INT PRIMARY KEY, v INT);
--- migration
USE {other};
CREATE VIEW w AS SELECT id FROM t;
CREATE PROCEDURE p() SELECT 1;
CREATE FUNCTION f() RETURNS INT DETERMINISTIC RETURN 1;
CREATE TRIGGER tr BEFORE INSERT ON t FOR EACH ROW SET NEW.v = 7;
INSERT INTO t (id) VALUES (1);
DROP TRIGGER tr;
DROP FUNCTION f;
DROP PROCEDURE p;
DROP VIEW w;

=== names with quotes, dots and a slash
-- asks without PROCESS: 1
--- setup
CREATE TABLE `a.b` (id INT PRIMARY KEY);
CREATE TABLE `c/``d` LIKE `a.b`;
INSERT INTO `a.b` VALUES (1);
--- migration
RENAME TABLE `a.b` TO `é`, `c/``d` TO `a.b`, `é` TO `c/``d`;
ALTER TABLE `c/``d` ADD COLUMN `x y` INT;

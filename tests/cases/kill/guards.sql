-- Changes that a migration guards itself, and statements made from text.

=== changes guarded by a prepared statement
--- setup
CREATE TABLE t (id INT PRIMARY KEY);
--- migration
SET @s = (SELECT IF(COUNT(*) = 0, 'ALTER TABLE t ADD COLUMN a INT', 'SELECT 1') FROM information_schema.columns WHERE table_schema = DATABASE() AND table_name = 't' AND column_name = 'a');
PREPARE st FROM @s;
EXECUTE st;
DEALLOCATE PREPARE st;
SET @s = (SELECT IF(COUNT(*) = 0, 'ALTER TABLE t ADD COLUMN a INT', 'SELECT 1') FROM information_schema.columns WHERE table_schema = DATABASE() AND table_name = 't' AND column_name = 'a');
PREPARE st FROM @s;
EXECUTE st;
DEALLOCATE PREPARE st;
SET @s = IF((SELECT COUNT(*) FROM information_schema.statistics WHERE table_schema = DATABASE() AND table_name = 't' AND index_name = 'k') > 0, 'DO 0', 'CREATE INDEX k ON t (a)');
PREPARE st FROM @s;
EXECUTE st;
DEALLOCATE PREPARE st;
INSERT INTO t VALUES (1, 1);

=== a guard by SELECT INTO
--- setup
CREATE TABLE t (id INT PRIMARY KEY);
--- migration
SELECT COUNT(*) INTO @n FROM information_schema.tables WHERE table_schema = DATABASE() AND table_name = 'u';
SET @s = IF(@n = 0, 'CREATE TABLE u (id INT)', 'DO 0');
PREPARE st FROM @s;
EXECUTE st;
DROP PREPARE st;
INSERT INTO t VALUES (1);

=== rows by a prepared statement with values
--- setup
CREATE TABLE t (id INT, v INT);
--- migration
PREPARE ins FROM 'INSERT INTO t VALUES (?, ?)';
SET @a = 1, @b = 2;
EXECUTE ins USING @a, @b;
SET @a = 3;
EXECUTE ins USING @a, @b;
DEALLOCATE PREPARE ins;

=== rows of a MyISAM table by a prepared statement
-- asks: 2
--- setup
CREATE TABLE m (id INT) ENGINE=MyISAM;
--- migration
PREPARE ins FROM 'INSERT INTO m VALUES (1)';
EXECUTE ins;
DEALLOCATE PREPARE ins;

=== a statement text that is replaced after it was prepared
--- setup
CREATE TABLE t (id INT);
--- migration
SET @s = 'INSERT INTO t VALUES (1)';
PREPARE st FROM @s;
SET @s = 'INSERT INTO t VALUES (2)';
EXECUTE st;
EXECUTE st;
PREPARE st FROM @s;
EXECUTE st;

=== EXECUTE IMMEDIATE
-- only: mariadb
-- asks: 4
--- setup
CREATE TABLE t (id INT);
--- migration
EXECUTE IMMEDIATE 'ALTER TABLE t ADD COLUMN a INT';
SET @s = IF((SELECT COUNT(*) FROM information_schema.columns WHERE table_schema = DATABASE() AND table_name = 't' AND column_name = 'b') = 0, 'ALTER TABLE t ADD COLUMN b INT', 'DO 0');
EXECUTE IMMEDIATE @s;
EXECUTE IMMEDIATE CONCAT('INSERT INTO t VALUES (', '1, 2, 3)') ;

=== a procedure that guards a change
--- setup
CREATE TABLE t (id INT PRIMARY KEY);
--- migration
CREATE PROCEDURE add_col() BEGIN IF NOT EXISTS (SELECT 1 FROM information_schema.columns WHERE table_schema = DATABASE() AND table_name = 't' AND column_name = 'a') THEN ALTER TABLE t ADD COLUMN a INT; END IF; END;
CALL add_col();
DROP PROCEDURE add_col;
INSERT INTO t VALUES (1, 1);

=== a procedure that guards a change made from its arguments
-- asks after a crash: 2, 3, 4
--- setup
CREATE TABLE t (id INT PRIMARY KEY);
--- migration
CREATE PROCEDURE add_col(tab VARCHAR(64), col VARCHAR(64), def VARCHAR(64)) BEGIN IF NOT EXISTS (SELECT 1 FROM information_schema.columns WHERE table_schema = DATABASE() AND table_name = tab AND column_name = col) THEN SET @ddl = CONCAT('ALTER TABLE ', tab, ' ADD COLUMN ', col, ' ', def); PREPARE s FROM @ddl; EXECUTE s; DEALLOCATE PREPARE s; END IF; END;
CALL add_col('t', 'a', 'INT');
CALL add_col('t', 'a', 'INT');
CALL add_col('t', 'b', 'INT DEFAULT 5');
DROP PROCEDURE add_col;
INSERT INTO t VALUES (1, 1, 1);

=== a procedure with two changes
-- asks: 2
--- setup
CREATE TABLE t (id INT PRIMARY KEY);
--- migration
CREATE PROCEDURE two() BEGIN ALTER TABLE t ADD COLUMN a INT; ALTER TABLE t ADD COLUMN b INT; END;
CALL two();
DROP PROCEDURE two;

=== a SELECT into a variable that is used later
--- setup
CREATE TABLE t (id INT);
INSERT INTO t VALUES (1), (2);
--- migration
SELECT COUNT(*) INTO @n FROM t;
INSERT INTO t VALUES (10);
INSERT INTO t VALUES (@n);
SET @m := @n + 1;
INSERT INTO t VALUES (@m);

=== session settings
--- setup
CREATE TABLE t (id INT PRIMARY KEY AUTO_INCREMENT, s VARCHAR(3));
--- migration
SET sql_mode = '';
INSERT INTO t VALUES (1, 'too long');
SET SESSION sql_mode = 'STRICT_TRANS_TABLES,NO_AUTO_VALUE_ON_ZERO';
INSERT INTO t VALUES (0, 'x');
SET @old = @@foreign_key_checks, foreign_key_checks = 0;
INSERT INTO t VALUES (7, 'y');
SET foreign_key_checks = @old;
SET time_zone = '+00:00';

=== a temporary table
-- asks: any
--- setup
CREATE TABLE t (id INT);
INSERT INTO t VALUES (1), (2);
--- migration
CREATE TEMPORARY TABLE tmp AS SELECT id + 1 AS id FROM t;
INSERT INTO t SELECT id FROM tmp;
DROP TEMPORARY TABLE tmp;

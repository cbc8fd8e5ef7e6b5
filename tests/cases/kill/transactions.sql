-- Transactions of the file, and statements that end them.

=== a transaction of the file
--- setup
CREATE TABLE t (x INT);
INSERT INTO t VALUES (1);
--- migration
START TRANSACTION;
INSERT INTO t VALUES (2);
UPDATE t SET x = x * 2;
COMMIT;
INSERT INTO t VALUES (100);
BEGIN;
UPDATE t SET x = x + 1;
ROLLBACK;
UPDATE t SET x = x + 7;

=== a chained transaction
--- setup
CREATE TABLE t (x INT);
INSERT INTO t VALUES (1);
--- migration
START TRANSACTION;
UPDATE t SET x = x + 1;
COMMIT AND CHAIN;
UPDATE t SET x = x * 10;
COMMIT;

=== a transaction that is not chained
--- setup
CREATE TABLE t (x INT);
INSERT INTO t VALUES (1);
--- migration
START TRANSACTION;
UPDATE t SET x = x + 1;
COMMIT AND NO CHAIN;
UPDATE t SET x = x + 1;
UPDATE t SET x = x * 10;

=== a procedure that commits inside a transaction
-- asks: 1, 2, 3, 4, 5
--- setup
CREATE TABLE l (x INT);
CREATE PROCEDURE c() BEGIN INSERT INTO l VALUES (15); COMMIT; END;
--- migration
START TRANSACTION;
INSERT INTO l VALUES (10);
CALL c();
INSERT INTO l VALUES (20);
COMMIT;
INSERT INTO l VALUES (30);

=== a MyISAM table inside a transaction
-- asks: 1, 2, 3, 4
--- setup
CREATE TABLE i (x INT);
CREATE TABLE m (x INT) ENGINE=MyISAM;
--- migration
START TRANSACTION;
INSERT INTO i VALUES (1);
INSERT INTO m VALUES (1);
COMMIT;
INSERT INTO i VALUES (2);

=== DDL inside a transaction
--- setup
CREATE TABLE t (x INT);
--- migration
START TRANSACTION;
INSERT INTO t VALUES (1);
CREATE TABLE u (x INT);
INSERT INTO u VALUES (1);
COMMIT;
INSERT INTO t VALUES (2);

=== savepoints
--- setup
CREATE TABLE t (x INT);
--- migration
START TRANSACTION;
INSERT INTO t VALUES (1);
SAVEPOINT s;
INSERT INTO t VALUES (2);
ROLLBACK TO SAVEPOINT s;
INSERT INTO t VALUES (3);
COMMIT;

=== a procedure that only writes rows
--- setup
CREATE TABLE l (x INT);
CREATE PROCEDURE p(a INT) BEGIN INSERT INTO l VALUES (a); INSERT INTO l VALUES (a + 1); END;
--- migration
CALL p(1);
INSERT INTO l VALUES (30);
CALL p(5);

=== a procedure that commits in between
-- asks: 1
--- setup
CREATE TABLE l (x INT);
CREATE PROCEDURE p() BEGIN INSERT INTO l VALUES (1); COMMIT; INSERT INTO l VALUES (2); END;
--- migration
CALL p();
INSERT INTO l VALUES (30);

=== a procedure that writes a MyISAM table
-- asks: 1
--- setup
CREATE TABLE l (x INT) ENGINE=MyISAM;
CREATE PROCEDURE p() BEGIN INSERT INTO l VALUES (1); INSERT INTO l VALUES (2); END;
--- migration
CALL p();
CREATE TABLE t (id INT);

=== an anonymous block
-- only: mariadb
-- asks: 1
--- setup
CREATE TABLE l (x INT);
--- migration
BEGIN NOT ATOMIC INSERT INTO l VALUES (1); COMMIT; INSERT INTO l VALUES (2); END;
INSERT INTO l VALUES (3);

=== a procedure that handles its error and rolls back
-- asks: 1
--- setup
CREATE TABLE l (x INT PRIMARY KEY);
CREATE PROCEDURE p() BEGIN DECLARE EXIT HANDLER FOR 1062 ROLLBACK; START TRANSACTION; INSERT INTO l VALUES (1); INSERT INTO l VALUES (1); COMMIT; END;
--- migration
CALL p();
INSERT INTO l VALUES (30);

=== SET STATEMENT
-- only: mariadb
-- asks: 1
--- setup
CREATE TABLE l (x INT);
--- migration
SET STATEMENT max_statement_time = 100 FOR INSERT INTO l VALUES (1);
INSERT INTO l VALUES (2);

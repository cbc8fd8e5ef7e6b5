-- What prepared statements, stored programs and views leave in the session, or take from it.

=== a statement prepared in another database
--- setup
CREATE TABLE d (x INT);
CREATE TABLE {other}.d (x INT);
--- migration
USE {other};
PREPARE st FROM 'INSERT INTO d VALUES (1)';
USE {db};
EXECUTE st;
EXECUTE st;
INSERT INTO d VALUES (9);

=== a statement prepared in another database where the table is MyISAM
-- asks: 4, 5
--- setup
CREATE TABLE d (x INT);
CREATE TABLE {other}.d (x INT) ENGINE=MyISAM;
--- migration
USE {other};
PREPARE st FROM 'INSERT INTO d VALUES (1)';
USE {db};
EXECUTE st;
EXECUTE st;
INSERT INTO d VALUES (9);

=== DDL prepared in another database
--- setup
CREATE TABLE d (x INT);
CREATE TABLE {other}.d (x INT);
--- migration
USE {other};
PREPARE st FROM 'ALTER TABLE d ADD COLUMN y INT';
USE {db};
EXECUTE st;
INSERT INTO d VALUES (9);

=== a prepared text with escapes
--- setup
CREATE TABLE t (s VARCHAR(50));
--- migration
PREPARE st FROM 'INSERT INTO t SELECT ''a\\%\%\_\\n\n'' FROM dual WHERE ''ax'' NOT LIKE ''a\%''';
INSERT INTO t VALUES ('x');
EXECUTE st;
EXECUTE st;

=== a prepared text without backslash escapes
--- setup
CREATE TABLE t (s VARCHAR(50));
--- migration
SET sql_mode = 'NO_BACKSLASH_ESCAPES';
PREPARE st FROM 'INSERT INTO t VALUES (''a\nb\\c'')';
INSERT INTO t VALUES ('x');
EXECUTE st;
EXECUTE st;

=== an OUT parameter of a procedure with DDL
-- asks: 2
--- setup
CREATE TABLE t (x INT);
--- migration
CREATE PROCEDURE p(OUT n INT) BEGIN ALTER TABLE t ADD COLUMN a INT; SET n = 5; END;
CALL p(@n);
INSERT INTO t VALUES (1, @n);

=== an OUT parameter of a procedure that writes rows
--- setup
CREATE TABLE t (x INT);
CREATE TABLE par (id INT PRIMARY KEY AUTO_INCREMENT, v INT);
INSERT INTO par (id, v) VALUES (40, 1);
--- migration
CREATE PROCEDURE p(IN v INT, OUT n INT) BEGIN INSERT INTO par (id, v) VALUES (v + 100, v); SELECT MAX(id) INTO n FROM par; END;
CALL p(7, @n);
INSERT INTO t VALUES (@n);
CALL p(8, @n);
INSERT INTO t VALUES (@n);

=== a session setting made by a procedure with DDL
-- asks: 2
--- setup
CREATE TABLE t (x INT, w VARCHAR(40));
--- migration
CREATE PROCEDURE p() BEGIN ALTER TABLE t ADD COLUMN a INT; SET SESSION time_zone = '+05:00'; END;
CALL p();
INSERT INTO t VALUES (1, @@session.time_zone, 1);

=== a session setting made by a procedure
--- setup
CREATE TABLE t (x INT, w VARCHAR(40));
CREATE PROCEDURE p() BEGIN INSERT INTO t VALUES (0, 'p'); SET SESSION time_zone = '+05:00'; END;
--- migration
CALL p();
INSERT INTO t VALUES (1, @@session.time_zone);
INSERT INTO t VALUES (2, @@session.time_zone);

=== a session setting made by a prepared statement
--- setup
CREATE TABLE t (x INT, w VARCHAR(40));
--- migration
PREPARE st FROM 'SET SESSION time_zone = ''+05:00''';
EXECUTE st;
INSERT INTO t VALUES (1, @@session.time_zone);
INSERT INTO t VALUES (2, @@session.time_zone);

=== a temporary table made by a procedure, over a plain one of its name
-- asks: any
--- setup
CREATE TABLE tmp (x INT);
INSERT INTO tmp VALUES (1000);
CREATE TABLE t (x INT);
CREATE PROCEDURE p() CREATE TEMPORARY TABLE tmp AS SELECT 1 AS x;
--- migration
CALL p();
INSERT INTO t SELECT x FROM tmp;
INSERT INTO t SELECT x + 1 FROM tmp;

=== a temporary table made by a prepared statement, over a plain one of its name
-- asks: any
--- setup
CREATE TABLE tmp (x INT);
INSERT INTO tmp VALUES (1000);
CREATE TABLE t (x INT);
--- migration
SET @s = 'CREATE TEMPORARY TABLE tmp AS SELECT 1 AS x';
PREPARE st FROM @s;
EXECUTE st;
INSERT INTO t SELECT x FROM tmp;
INSERT INTO t SELECT x + 1 FROM tmp;

=== a view read that calls a function which writes MyISAM
-- asks: 1, 2
--- setup
CREATE TABLE m (x INT) ENGINE=MyISAM;
CREATE TABLE k (x INT);
CREATE FUNCTION f() RETURNS INT DETERMINISTIC MODIFIES SQL DATA BEGIN INSERT INTO m VALUES (1); RETURN 5; END;
CREATE VIEW w AS SELECT f() AS x;
--- migration
INSERT INTO k SELECT x FROM w;
SELECT * FROM w;
INSERT INTO k VALUES (1);

=== a read-only session
--- setup
CREATE TABLE t (x INT);
--- migration
SET SESSION TRANSACTION READ ONLY;
SELECT COUNT(*) INTO @n FROM t;
SET SESSION TRANSACTION READ WRITE;
INSERT INTO t VALUES (@n);
START TRANSACTION READ ONLY;
SELECT COUNT(*) INTO @n FROM t;
COMMIT;
INSERT INTO t VALUES (@n + 100);

=== CREATE OR REPLACE of a database
-- only: mariadb
-- asks: 1
-- between from: 1
-- between: CREATE TABLE {other}.made (x INT)
--- setup
CREATE TABLE {other}.old (x INT);
--- migration
CREATE OR REPLACE DATABASE {other};
CREATE TABLE t (x BIGINT);

=== a HANDLER that is open
-- asks: any
--- setup
CREATE TABLE t (x INT);
INSERT INTO t VALUES (1);
--- migration
HANDLER t OPEN;
HANDLER t READ FIRST;
HANDLER t CLOSE;
INSERT INTO t VALUES (2);

=== a variable set by CREATE TABLE from a query
-- asks: 2
--- setup
CREATE TABLE s (id INT PRIMARY KEY);
INSERT INTO s VALUES (1), (2), (3);
CREATE TABLE t (x INT);
--- migration
SET @n = 10;
CREATE TABLE u AS SELECT id, @n := @n + 1 AS n FROM s;
INSERT INTO t VALUES (@n);

=== functions of the last statement in programs
-- asks: any
--- setup
CREATE TABLE t (x INT);
CREATE TABLE audit (n INT, what VARCHAR(20));
INSERT INTO t VALUES (1), (2), (3);
CREATE PROCEDURE note(w VARCHAR(20)) INSERT INTO audit VALUES (ROW_COUNT(), w);
CREATE FUNCTION rc() RETURNS INT DETERMINISTIC RETURN ROW_COUNT();
CREATE VIEW v AS SELECT rc() AS n;
--- migration
UPDATE t SET x = x + 1;
CALL note('call');
UPDATE t SET x = x + 1;
INSERT INTO audit SELECT n, 'view' FROM v;

=== LAST_INSERT_ID() in a procedure
--- setup
CREATE TABLE par (id INT PRIMARY KEY AUTO_INCREMENT);
CREATE TABLE ch (p INT);
INSERT INTO par VALUES (41);
CREATE PROCEDURE child() INSERT INTO ch VALUES (LAST_INSERT_ID() - (SELECT MAX(id) FROM par));
--- migration
INSERT INTO par VALUES ();
CALL child();
CALL child();
DELETE FROM par WHERE id > 41;

=== settings and temporary tables of procedures inside a transaction
-- asks: 6, 7, 8
--- setup
CREATE TABLE t (x INT, w VARCHAR(40));
CREATE PROCEDURE p() BEGIN INSERT INTO t VALUES (0, 'p'); SET SESSION time_zone = '+05:00'; END;
CREATE PROCEDURE tmp() BEGIN DROP TEMPORARY TABLE IF EXISTS tmp; CREATE TEMPORARY TABLE tmp AS SELECT 1 AS x; END;
CREATE PROCEDURE gone() BEGIN CREATE TEMPORARY TABLE g AS SELECT 1 AS x; INSERT INTO t SELECT x, 'g' FROM g; DROP TEMPORARY TABLE g; END;
--- migration
START TRANSACTION;
CALL p();
INSERT INTO t VALUES (1, @@session.time_zone);
COMMIT;
INSERT INTO t VALUES (2, @@session.time_zone);
CALL tmp();
INSERT INTO t SELECT x, 'tmp' FROM tmp;
DROP TEMPORARY TABLE tmp;
CALL gone();
INSERT INTO t VALUES (3, 'x');

=== a prepared statement in the mode of its time
--- setup
CREATE TABLE t (x INT, w VARCHAR(40));
--- migration
SET sql_mode = 'ANSI_QUOTES,NO_BACKSLASH_ESCAPES';
PREPARE st FROM 'INSERT INTO "t" VALUES (1, ''a\nb'')';
SET sql_mode = '';
INSERT INTO t VALUES (2, 'x');
EXECUTE st;
EXECUTE st;

=== a prepared statement of this database run in another
--- setup
CREATE TABLE d (x INT) ENGINE=InnoDB;
CREATE TABLE {other}.d (x INT) ENGINE=MyISAM;
--- migration
PREPARE st FROM 'INSERT INTO d VALUES (1)';
USE {other};
EXECUTE st;
EXECUTE st;
USE {db};
INSERT INTO d VALUES (5);

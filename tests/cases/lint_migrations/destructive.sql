-- What removes rows; nothing of it in a table that the migration itself makes.
-- file: 001_base.sql
CREATE TABLE a (id INT PRIMARY KEY, x INT, v INT AS (x + 1) VIRTUAL);
CREATE TABLE b (id INT PRIMARY KEY);
CREATE TABLE scratch (id INT);
DROP TABLE scratch;
CREATE TABLE copied LIKE a;
TRUNCATE copied;
DELETE FROM copied;
-- file: 002_change.sql
DROP TABLE IF EXISTS b, unheard_of;
ALTER TABLE a DROP COLUMN v;
ALTER TABLE a DROP COLUMN x, ADD COLUMN y INT;
TRUNCATE TABLE copied;
DELETE FROM a;
DELETE FROM a WHERE id = 1;
DELETE a FROM a JOIN copied USING (id);
UPDATE a SET y = (SELECT MAX(id) FROM copied WHERE x = 1);
CREATE TEMPORARY TABLE t (id INT);
DELETE FROM t;
DROP TEMPORARY TABLE t;
-- dbtool:lint-ignore drop-table, unknown-effect
DROP TABLE copied;
-- expect: 002_change.sql:1 drop-table b
-- expect: 002_change.sql:1 drop-table unheard_of
-- expect: 002_change.sql:3 drop-column a.x
-- expect: 002_change.sql:4 truncate-table copied
-- expect: 002_change.sql:5 delete-without-where a
-- expect: 002_change.sql:8 update-without-where a
-- expect: 002_change.sql:9 temporary-table t

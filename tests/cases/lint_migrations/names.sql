-- Names, renames, and what cannot be resumed.
-- file: 001_base.up.sql
CREATE TABLE a (id INT PRIMARY KEY, o INT, CONSTRAINT to_a FOREIGN KEY (o) REFERENCES a (id));
CREATE TABLE logs (id INT) ENGINE=MyISAM;
CREATE TABLE `Bad name` (`2nd` INT, ok INT REFERENCES a (id));
CREATE TABLE b (id INT PRIMARY KEY, o INT, CONSTRAINT to_a FOREIGN KEY (o) REFERENCES a (id));
-- file: 001_base.down.sql
DROP TABLE b, `Bad name`, logs, a;
-- file: 02_more.sql
RENAME TABLE a TO a_old, b TO a;
RENAME TABLE logs TO log_lines;
CALL fill();
INSERT INTO log_lines VALUES (1);
BEGIN;
INSERT INTO a (id) VALUES (1);
CREATE TABLE c (id INT PRIMARY KEY);
COMMIT;
-- dbtool:lint-ignore no-such-rule
SELECT 1;
-- expect: 001_base.up.sql:3 inline-references Bad name.ok
-- expect: 001_base.up.sql:3 object-name 2nd
-- expect: 001_base.up.sql:3 object-name Bad name
-- expect: 001_base.up.sql:4 duplicate-constraint b
-- expect: 02_more.sql:1 file-name 02_more.sql
-- expect: 02_more.sql:1 missing-down 02_more.sql
-- expect: 02_more.sql:1 rename-table b
-- expect: 02_more.sql:1 unknown-rule 02_more.sql
-- expect: 02_more.sql:2 rename-table logs
-- expect: 02_more.sql:3 unknown-effect CALL
-- expect: 02_more.sql:4 non-transactional-write log_lines
-- expect: 02_more.sql:7 ddl-in-transaction CREATE TABLE

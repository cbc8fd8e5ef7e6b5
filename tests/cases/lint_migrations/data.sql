-- What the rows decide.
-- file: 001_base.sql
CREATE TABLE p (id INT PRIMARY KEY);
CREATE TABLE a (
  id INT NOT NULL PRIMARY KEY, n INT NULL, s VARCHAR(20), d DECIMAL(10,2), e ENUM('x','y'), p_id INT
);
-- file: 002_unique.sql
ALTER TABLE a ADD UNIQUE KEY s_once (s);
CREATE UNIQUE INDEX id_and_s ON a (id, s);
ALTER TABLE a ADD COLUMN u INT UNIQUE;
-- file: 003_null.sql
-- dbtool:online
ALTER TABLE a MODIFY n INT NOT NULL;
ALTER TABLE a ADD COLUMN k INT NOT NULL;
ALTER TABLE a ADD COLUMN l INT NOT NULL DEFAULT 0;
-- dbtool:online
ALTER TABLE a MODIFY id INT NOT NULL;
-- file: 004_types.sql
-- dbtool:online
ALTER TABLE a MODIFY s VARCHAR(10);
-- dbtool:online
ALTER TABLE a MODIFY d DECIMAL(12,2);
-- dbtool:online
ALTER TABLE a CHANGE d d2 DECIMAL(8,2);
-- dbtool:online
ALTER TABLE a MODIFY e ENUM('x','z');
-- dbtool:online
ALTER TABLE a MODIFY e ENUM('x','z','w');
-- dbtool:online
ALTER TABLE a MODIFY s VARCHAR(20) CHARACTER SET latin1;
-- file: 005_keys.sql
-- dbtool:online
ALTER TABLE a ADD CONSTRAINT a_p FOREIGN KEY (p_id) REFERENCES p (id);
SET foreign_key_checks = 0;
ALTER TABLE a ADD CONSTRAINT a_p2 FOREIGN KEY (p_id) REFERENCES p (id);
-- dbtool:online
ALTER TABLE a ADD CONSTRAINT positive CHECK (n > 0);
ALTER TABLE a DROP FOREIGN KEY a_p;
-- dbtool:online
ALTER TABLE a DROP PRIMARY KEY;
-- expect: 002_unique.sql:1 add-unique a
-- expect: 003_null.sql:2 set-not-null a.n
-- expect: 003_null.sql:3 add-not-null-column a.k
-- expect: 004_types.sql:2 narrow-type a.s
-- expect: 004_types.sql:6 narrow-type a.d
-- expect: 004_types.sql:6 rename-column a.d
-- expect: 004_types.sql:8 enum-values a.e
-- expect: 004_types.sql:12 change-charset a.s
-- expect: 005_keys.sql:2 add-foreign-key a.p_id
-- expect: 005_keys.sql:6 add-check a
-- expect: 005_keys.sql:7 drop-foreign-key a.a_p
-- expect: 005_keys.sql:9 drop-primary-key a

-- The database of which mariadb-dump.sql and mysqldump.sql are dumps, made by the servers' own tools:
--   mariadb-dump --routines --events --no-autocommit --hex-blob --skip-dump-date source
--   mysqldump --routines --events --no-autocommit --hex-blob --skip-dump-date source

CREATE TABLE users (
  id INT NOT NULL AUTO_INCREMENT,
  email VARCHAR(255) NOT NULL,
  name VARCHAR(100) CHARACTER SET latin1 NOT NULL,
  role ENUM('guest', 'host', 'it''s; ''quoted''') NOT NULL DEFAULT 'guest',
  image MEDIUMBLOB NULL,
  about TEXT NULL,
  created_at TIMESTAMP NOT NULL DEFAULT CURRENT_TIMESTAMP,
  PRIMARY KEY (id),
  UNIQUE KEY uq_users_email (email)
) ENGINE = InnoDB DEFAULT CHARACTER SET utf8mb4 COLLATE utf8mb4_unicode_ci COMMENT = 'people; -- all of them';

CREATE TABLE bookings (
  id BIGINT NOT NULL AUTO_INCREMENT,
  guest_id INT NULL,
  price DECIMAL(10, 2) NOT NULL,
  fee DECIMAL(10, 2) NOT NULL DEFAULT 0.00,
  total DECIMAL(10, 2) GENERATED ALWAYS AS (price + fee) STORED,
  details JSON NULL,
  PRIMARY KEY (id),
  KEY idx_bookings_guest (guest_id),
  CONSTRAINT fk_bookings_guest FOREIGN KEY (guest_id) REFERENCES users (id) ON DELETE CASCADE,
  CONSTRAINT chk_price CHECK (price >= 0)
) ENGINE = InnoDB DEFAULT CHARACTER SET utf8mb4 COLLATE utf8mb4_unicode_ci;

CREATE TABLE log (
  id INT NOT NULL AUTO_INCREMENT,
  line VARCHAR(200) NOT NULL,
  PRIMARY KEY (id)
) ENGINE = MyISAM DEFAULT CHARACTER SET utf8mb4 COLLATE utf8mb4_unicode_ci;

CREATE TABLE `empty table; 1` (a INT) ENGINE = InnoDB DEFAULT CHARACTER SET utf8mb4 COLLATE utf8mb4_bin;

INSERT INTO users (id, email, name, role, image, about, created_at) VALUES
  (1, 'ada@example.org', 'Adà', 'guest', 0x00FF0A0D275C22, 'a line\nanother\r\nand \\ '' " ; -- # /* x */', '2024-05-01 10:00:00'),
  (2, 'bob@example.org', 'Bøb', 'host', NULL, 'é漢😀\t\0', '2024-07-01 10:00:00'),
  (7, 'cyd@example.org', '', 'it''s; ''quoted''', '', NULL, '2024-12-31 23:59:59');

INSERT INTO bookings (id, guest_id, price, fee, details) VALUES
  (1, 1, 100.00, 12.50, '{"nights": 2, "note": "it''s; \\"late\\""}'),
  (2, 1, 0.00, 0.00, NULL),
  (3000000000, 7, 99999.99, 0.01, '[]');

INSERT INTO log (line) VALUES ('one'), ('two; DELIMITER //');

CREATE VIEW guests AS SELECT u.id, u.email, COUNT(b.id) AS bookings FROM users u LEFT JOIN bookings b
  ON b.guest_id = u.id GROUP BY u.id, u.email;
CREATE VIEW busy AS SELECT email, 'a;b' AS text FROM guests WHERE bookings > 1;

DELIMITER //
CREATE TRIGGER users_before BEFORE INSERT ON users FOR EACH ROW
BEGIN
  -- a comment; with a semicolon
  IF NEW.email = '' THEN
    SET NEW.email = CONCAT('none;', NEW.id);
  END IF;
END//
CREATE TRIGGER bookings_after AFTER INSERT ON bookings FOR EACH ROW
  INSERT INTO log (line) VALUES (CONCAT('booking ', NEW.id))//
CREATE TRIGGER bookings_after_too AFTER INSERT ON bookings FOR EACH ROW FOLLOWS bookings_after
  INSERT INTO log (line) VALUES ('again')//
CREATE PROCEDURE add_booking(IN guest INT, IN price DECIMAL(10, 2), OUT made BIGINT)
  COMMENT 'it''s; a procedure'
BEGIN
  DECLARE EXIT HANDLER FOR SQLEXCEPTION BEGIN ROLLBACK; RESIGNAL; END;
  START TRANSACTION;
  INSERT INTO bookings (guest_id, price) VALUES (guest, price);
  SET made = LAST_INSERT_ID();
  COMMIT;
END//
CREATE FUNCTION fee_of(price DECIMAL(10, 2)) RETURNS DECIMAL(10, 2) DETERMINISTIC
BEGIN
  CASE WHEN price > 100 THEN RETURN price * 0.10; ELSE RETURN 5; END CASE;
END//
CREATE EVENT forget ON SCHEDULE EVERY 1 DAY STARTS '2030-01-01 00:00:00' DISABLE COMMENT 'it''s; an event' DO
BEGIN
  DELETE FROM log WHERE line = 'x;y';
END//
DELIMITER ;

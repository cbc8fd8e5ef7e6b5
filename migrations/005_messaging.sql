-- Messages become conversations with participants. Every legacy message is moved, none is
-- dropped: the old table stays as messages_legacy.
--
-- How it stays safe, whenever it is interrupted and for however long:
--   * The application keeps its `messages` table all the time. The new tables are built aside
--     and filled from it; one RENAME TABLE swaps all names at once.
--   * What the application writes meanwhile is caught up with before the swap and after it:
--     from the swap on nothing is written to the old table, so the second time is the last.
--   * Nothing is swapped unless old and new agree, message by message.
--   * A moved message keeps its id, and a conversation takes the id of its first message,
--     so old and new rows can be compared one by one and no id has to be remembered
--     in a session that a resumed run no longer has.
--
-- An application that has made its new tables already (CREATE TABLE IF NOT EXISTS) keeps them
-- until the swap. They have to be empty, which dbtool sees to before the first statement:
-- dbtool:requires-empty conversations, conversation_participants
-- dbtool:requires-absent messages_legacy
--
-- Which messages belong together: those of one booking; those without a booking by property
-- and unordered pair of sender and recipient. A message with neither booking nor property
-- belongs to no conversation: it is listed at the end and stays in messages_legacy.
--
-- The first form of this file took the old table away before it copied it. A database on which
-- that form was applied is as this form leaves it:
-- dbtool:replaces 3e00e653b36d80d12e88489696b1a34655e2e61f83b949515b67edf25d72198f
-- One on which it was interrupted before it renamed the tables to their final names goes back to where
-- it was with these statements (the second only where there is no table messages), to begin anew:
--   DROP TABLE IF EXISTS messages_new, conversation_participants_new, conversations_new,
--     messages_migration_map, messages_migration_check;
--   RENAME TABLE messages_legacy TO messages;
--   DELETE FROM dbtool_migrations WHERE version = 5;
-- One on which only the last two statements of that form are missing is finished with this one, and
-- `dbtool migrate repair 005 --finished`:
--   DROP TABLE IF EXISTS messages_migration_map, messages_migration_check;

-- Reading does not lock what it reads, so that the application goes on writing.
SET SESSION TRANSACTION ISOLATION LEVEL READ COMMITTED;

-- Times are copied as they are, also those in the hour that a clock goes back.
SET SESSION time_zone = '+00:00';

-- Nothing goes on unless what is found is what is expected: a row here that does not balance
-- violates a constraint and fails the migration.
CREATE TABLE messages_migration_check (
  what VARCHAR(64) NOT NULL,
  expected BIGINT UNSIGNED NOT NULL,
  found BIGINT UNSIGNED NOT NULL,
  PRIMARY KEY (what),
  CONSTRAINT tables_to_be_replaced_are_empty CHECK (what NOT LIKE 'rows of %' OR expected = found),
  CONSTRAINT every_legacy_message_is_moved_unchanged CHECK (what LIKE 'rows of %' OR expected = found)
) ENGINE = InnoDB DEFAULT CHARACTER SET utf8mb4 COLLATE utf8mb4_unicode_ci;

-- Where these are not there yet, empty ones take their place until the swap: so the swap is one
-- statement for every application.
CREATE TABLE IF NOT EXISTS conversations (
  id INT NOT NULL,
  PRIMARY KEY (id)
) ENGINE = InnoDB DEFAULT CHARACTER SET utf8mb4 COLLATE utf8mb4_unicode_ci;

CREATE TABLE IF NOT EXISTS conversation_participants (
  conversation_id INT NOT NULL,
  user_id INT NOT NULL,
  PRIMARY KEY (conversation_id, user_id)
) ENGINE = InnoDB DEFAULT CHARACTER SET utf8mb4 COLLATE utf8mb4_unicode_ci;

INSERT INTO messages_migration_check (what, expected, found)
SELECT 'rows of conversations', 0, COUNT(*) FROM conversations;

INSERT INTO messages_migration_check (what, expected, found)
SELECT 'rows of conversation_participants', 0, COUNT(*) FROM conversation_participants;

-- Constraint names are unique in a database, and tables that are to be replaced may have the
-- final ones: those ending in _new get theirs at the end.
CREATE TABLE conversations_new (
  id INT NOT NULL AUTO_INCREMENT,
  property_id INT NULL,
  booking_id INT NULL,
  created_at TIMESTAMP NULL DEFAULT CURRENT_TIMESTAMP,
  updated_at TIMESTAMP NULL DEFAULT CURRENT_TIMESTAMP ON UPDATE CURRENT_TIMESTAMP,
  PRIMARY KEY (id),
  KEY idx_conversations_property (property_id),
  KEY idx_conversations_booking (booking_id),
  CONSTRAINT fk_conversations_property_new FOREIGN KEY (property_id) REFERENCES properties (id) ON DELETE SET NULL,
  CONSTRAINT fk_conversations_booking_new FOREIGN KEY (booking_id) REFERENCES bookings (id) ON DELETE SET NULL
) ENGINE = InnoDB DEFAULT CHARACTER SET utf8mb4 COLLATE utf8mb4_unicode_ci;

CREATE TABLE conversation_participants_new (
  conversation_id INT NOT NULL,
  user_id INT NOT NULL,
  added_at TIMESTAMP NULL DEFAULT CURRENT_TIMESTAMP,
  archived_at TIMESTAMP NULL DEFAULT NULL,
  PRIMARY KEY (conversation_id, user_id),
  KEY idx_conversation_participants_user (user_id, archived_at),
  CONSTRAINT fk_conversation_participants_conversation_new FOREIGN KEY (conversation_id)
    REFERENCES conversations_new (id) ON DELETE CASCADE,
  CONSTRAINT fk_conversation_participants_user_new FOREIGN KEY (user_id) REFERENCES users (id) ON DELETE CASCADE
) ENGINE = InnoDB DEFAULT CHARACTER SET utf8mb4 COLLATE utf8mb4_unicode_ci;

-- The legacy table keeps its constraint names: these differ.
CREATE TABLE messages_new (
  id INT NOT NULL AUTO_INCREMENT,
  conversation_id INT NOT NULL,
  sender_id INT NULL,
  recipient_id INT NULL,
  message TEXT NULL,
  is_read TINYINT(1) NOT NULL DEFAULT 0,
  read_at TIMESTAMP NULL DEFAULT NULL,
  created_at TIMESTAMP NULL DEFAULT CURRENT_TIMESTAMP,
  PRIMARY KEY (id),
  KEY idx_messages_conversation (conversation_id, created_at),
  KEY idx_messages_sender (sender_id),
  KEY idx_messages_recipient (recipient_id, is_read),
  CONSTRAINT fk_conversation_messages_conversation FOREIGN KEY (conversation_id)
    REFERENCES conversations_new (id) ON DELETE CASCADE,
  CONSTRAINT fk_conversation_messages_sender FOREIGN KEY (sender_id) REFERENCES users (id) ON DELETE CASCADE,
  CONSTRAINT fk_conversation_messages_recipient FOREIGN KEY (recipient_id) REFERENCES users (id) ON DELETE SET NULL
) ENGINE = InnoDB DEFAULT CHARACTER SET utf8mb4 COLLATE utf8mb4_unicode_ci;

-- Which conversation each legacy message goes to, and what the message was when that was found out.
-- A table and not a temporary one: it has to survive a lost connection.
CREATE TABLE messages_migration_map (
  message_id INT NOT NULL,
  conversation_id INT NOT NULL,
  belongs_to VARBINARY(64) NOT NULL COMMENT 'its booking, or its property and the two people',
  booking_id INT NULL,
  property_id INT NULL,
  legacy_booking_id INT NULL,
  legacy_property_id INT NULL,
  sender_id INT NULL,
  recipient_id INT NULL,
  created_at TIMESTAMP NULL DEFAULT NULL,
  content BINARY(32) NOT NULL COMMENT 'SHA-256 of what both tables have of the message',
  late TINYINT(1) NOT NULL DEFAULT 0 COMMENT 'written between the last catching up before the swap and the swap',
  PRIMARY KEY (message_id),
  KEY idx_messages_migration_map_conversation (conversation_id),
  KEY idx_messages_migration_map_belongs_to (belongs_to, conversation_id)
) ENGINE = InnoDB DEFAULT CHARACTER SET utf8mb4 COLLATE utf8mb4_unicode_ci;

-- What has to be done again. Found by INSERT … SELECT, which does not lock the tables of the application.
CREATE TABLE messages_migration_again (
  id INT NOT NULL,
  PRIMARY KEY (id)
) ENGINE = InnoDB DEFAULT CHARACTER SET utf8mb4 COLLATE utf8mb4_unicode_ci;

-- ---- The first copy. Checking foreign keys would lock users, properties and bookings until each
-- statement is committed, so that is left to the statements below.
SET SESSION foreign_key_checks = 0;

-- The booking's own property wins over the one written on the message.
INSERT INTO messages_migration_map (message_id, conversation_id, belongs_to, booking_id, property_id,
  legacy_booking_id, legacy_property_id, sender_id, recipient_id, created_at, content, late)
SELECT
  id,
  COALESCE(
    (SELECT MIN(known.conversation_id) FROM messages_migration_map AS known WHERE known.belongs_to = grouped.belongs_to),
    FIRST_VALUE(id) OVER (PARTITION BY belongs_to ORDER BY created_at IS NULL, created_at, id)
  ),
  belongs_to, booking_id, property_id, legacy_booking_id, legacy_property_id, sender_id, recipient_id, created_at,
  content, 0
FROM (
  SELECT
    m.id,
    CAST(CASE
      WHEN b.id IS NULL THEN CONCAT_WS(':', 'property', m.property_id,
        LEAST(COALESCE(m.sender_id, 0), COALESCE(m.recipient_id, 0)),
        GREATEST(COALESCE(m.sender_id, 0), COALESCE(m.recipient_id, 0)))
      ELSE CONCAT_WS(':', 'booking', b.id)
    END AS BINARY) AS belongs_to,
    b.id AS booking_id,
    COALESCE(b.property_id, m.property_id) AS property_id,
    m.booking_id AS legacy_booking_id,
    m.property_id AS legacy_property_id,
    m.sender_id,
    m.recipient_id,
    m.created_at,
    UNHEX(SHA2(CONCAT_WS('|', m.id, COALESCE(m.sender_id, '-'), COALESCE(m.recipient_id, '-'), m.is_read,
    COALESCE(UNIX_TIMESTAMP(m.read_at), '-'), COALESCE(UNIX_TIMESTAMP(m.created_at), '-'),
    COALESCE(SHA2(CONVERT(m.message USING utf8mb4), 256), '-')), 256)) AS content
  FROM messages AS m
  LEFT JOIN bookings AS b ON b.id = m.booking_id
  LEFT JOIN messages_migration_map AS mapped ON mapped.message_id = m.id
  WHERE mapped.message_id IS NULL AND (b.id IS NOT NULL OR m.property_id IS NOT NULL)
) AS grouped;

INSERT INTO conversations_new (id, property_id, booking_id, created_at, updated_at)
SELECT first_of.conversation_id, p.id, b.id, times.first_at, times.last_at
FROM messages_migration_map AS first_of
JOIN (
  SELECT conversation_id, MIN(created_at) AS first_at, MAX(created_at) AS last_at
  FROM messages_migration_map
  GROUP BY conversation_id
) AS times ON times.conversation_id = first_of.conversation_id
LEFT JOIN bookings AS b ON b.id = first_of.booking_id
LEFT JOIN properties AS p ON p.id = first_of.property_id
LEFT JOIN conversations_new AS c ON c.id = first_of.conversation_id
WHERE first_of.message_id = first_of.conversation_id AND c.id IS NULL;

INSERT INTO conversation_participants_new (conversation_id, user_id, added_at)
SELECT correspondents.conversation_id, u.id, MIN(correspondents.created_at)
FROM (
  SELECT conversation_id, sender_id AS user_id, created_at FROM messages_migration_map
  UNION ALL
  SELECT conversation_id, recipient_id, created_at FROM messages_migration_map
) AS correspondents
JOIN users AS u ON u.id = correspondents.user_id
LEFT JOIN conversation_participants_new AS p ON p.conversation_id = correspondents.conversation_id AND p.user_id = u.id
WHERE p.user_id IS NULL
GROUP BY correspondents.conversation_id, u.id;

INSERT INTO messages_new (id, conversation_id, sender_id, recipient_id, message, is_read, read_at, created_at)
SELECT m.id, map.conversation_id, m.sender_id, m.recipient_id, m.message, m.is_read, m.read_at, m.created_at
FROM messages_migration_map AS map
JOIN messages AS m ON m.id = map.message_id
LEFT JOIN messages_new AS n ON n.id = map.message_id
WHERE n.id IS NULL
ORDER BY m.id;

SET SESSION foreign_key_checks = 1;

-- ---- Catching up. A conversation with a message that was changed, deleted or given another booking since
-- is done again as a whole, one with a deleted user, booking or property too: that changes its messages.
INSERT INTO messages_migration_again (id)
SELECT DISTINCT map.conversation_id
FROM messages_migration_map AS map
LEFT JOIN messages AS m ON m.id = map.message_id
WHERE m.id IS NULL
  OR NOT (m.booking_id <=> map.legacy_booking_id AND m.property_id <=> map.legacy_property_id)
  OR UNHEX(SHA2(CONCAT_WS('|', m.id, COALESCE(m.sender_id, '-'), COALESCE(m.recipient_id, '-'), m.is_read,
    COALESCE(UNIX_TIMESTAMP(m.read_at), '-'), COALESCE(UNIX_TIMESTAMP(m.created_at), '-'),
    COALESCE(SHA2(CONVERT(m.message USING utf8mb4), 256), '-')), 256)) <> map.content;

-- Its participants and messages go with it.
DELETE c FROM messages_migration_again AS again JOIN conversations_new AS c ON c.id = again.id;

DELETE map FROM messages_migration_again AS again JOIN messages_migration_map AS map ON map.conversation_id = again.id;

INSERT INTO messages_migration_map (message_id, conversation_id, belongs_to, booking_id, property_id,
  legacy_booking_id, legacy_property_id, sender_id, recipient_id, created_at, content, late)
SELECT
  id,
  COALESCE(
    (SELECT MIN(known.conversation_id) FROM messages_migration_map AS known WHERE known.belongs_to = grouped.belongs_to),
    FIRST_VALUE(id) OVER (PARTITION BY belongs_to ORDER BY created_at IS NULL, created_at, id)
  ),
  belongs_to, booking_id, property_id, legacy_booking_id, legacy_property_id, sender_id, recipient_id, created_at,
  content, 0
FROM (
  SELECT
    m.id,
    CAST(CASE
      WHEN b.id IS NULL THEN CONCAT_WS(':', 'property', m.property_id,
        LEAST(COALESCE(m.sender_id, 0), COALESCE(m.recipient_id, 0)),
        GREATEST(COALESCE(m.sender_id, 0), COALESCE(m.recipient_id, 0)))
      ELSE CONCAT_WS(':', 'booking', b.id)
    END AS BINARY) AS belongs_to,
    b.id AS booking_id,
    COALESCE(b.property_id, m.property_id) AS property_id,
    m.booking_id AS legacy_booking_id,
    m.property_id AS legacy_property_id,
    m.sender_id,
    m.recipient_id,
    m.created_at,
    UNHEX(SHA2(CONCAT_WS('|', m.id, COALESCE(m.sender_id, '-'), COALESCE(m.recipient_id, '-'), m.is_read,
    COALESCE(UNIX_TIMESTAMP(m.read_at), '-'), COALESCE(UNIX_TIMESTAMP(m.created_at), '-'),
    COALESCE(SHA2(CONVERT(m.message USING utf8mb4), 256), '-')), 256)) AS content
  FROM messages AS m
  LEFT JOIN bookings AS b ON b.id = m.booking_id
  LEFT JOIN messages_migration_map AS mapped ON mapped.message_id = m.id
  WHERE mapped.message_id IS NULL AND (b.id IS NOT NULL OR m.property_id IS NOT NULL)
) AS grouped;

INSERT INTO conversations_new (id, property_id, booking_id, created_at, updated_at)
SELECT first_of.conversation_id, p.id, b.id, times.first_at, times.last_at
FROM messages_migration_map AS first_of
JOIN (
  SELECT conversation_id, MIN(created_at) AS first_at, MAX(created_at) AS last_at
  FROM messages_migration_map
  GROUP BY conversation_id
) AS times ON times.conversation_id = first_of.conversation_id
LEFT JOIN bookings AS b ON b.id = first_of.booking_id
LEFT JOIN properties AS p ON p.id = first_of.property_id
LEFT JOIN conversations_new AS c ON c.id = first_of.conversation_id
WHERE first_of.message_id = first_of.conversation_id AND c.id IS NULL;

INSERT INTO conversation_participants_new (conversation_id, user_id, added_at)
SELECT correspondents.conversation_id, u.id, MIN(correspondents.created_at)
FROM (
  SELECT conversation_id, sender_id AS user_id, created_at FROM messages_migration_map
  UNION ALL
  SELECT conversation_id, recipient_id, created_at FROM messages_migration_map
) AS correspondents
JOIN users AS u ON u.id = correspondents.user_id
LEFT JOIN conversation_participants_new AS p ON p.conversation_id = correspondents.conversation_id AND p.user_id = u.id
WHERE p.user_id IS NULL
GROUP BY correspondents.conversation_id, u.id;

INSERT INTO messages_new (id, conversation_id, sender_id, recipient_id, message, is_read, read_at, created_at)
SELECT m.id, map.conversation_id, m.sender_id, m.recipient_id, m.message, m.is_read, m.read_at, m.created_at
FROM messages_migration_map AS map
JOIN messages AS m ON m.id = map.message_id
LEFT JOIN messages_new AS n ON n.id = map.message_id
WHERE n.id IS NULL
ORDER BY m.id;

-- A conversation begins with its first message and was last touched by its last one.
UPDATE conversations_new AS c
JOIN (
  SELECT conversation_id, MIN(created_at) AS first_at, MAX(created_at) AS last_at
  FROM messages_migration_map
  GROUP BY conversation_id
) AS times ON times.conversation_id = c.id
SET c.created_at = times.first_at, c.updated_at = times.last_at
WHERE NOT (c.created_at <=> times.first_at AND c.updated_at <=> times.last_at);

-- ---- Old and new have to agree. What was written since is left to the second catching up.
INSERT INTO messages_migration_check (what, expected, found)
SELECT 'messages', COUNT(*), COUNT(CASE WHEN n.conversation_id = map.conversation_id
  AND UNHEX(SHA2(CONCAT_WS('|', n.id, COALESCE(n.sender_id, '-'), COALESCE(n.recipient_id, '-'), n.is_read,
    COALESCE(UNIX_TIMESTAMP(n.read_at), '-'), COALESCE(UNIX_TIMESTAMP(n.created_at), '-'),
    COALESCE(SHA2(CONVERT(n.message USING utf8mb4), 256), '-')), 256)) = map.content THEN 1 END)
FROM messages_migration_map AS map
JOIN messages AS m ON m.id = map.message_id
LEFT JOIN messages_new AS n ON n.id = map.message_id
WHERE NOT (m.id IS NULL
  OR NOT (m.booking_id <=> map.legacy_booking_id AND m.property_id <=> map.legacy_property_id)
  OR UNHEX(SHA2(CONCAT_WS('|', m.id, COALESCE(m.sender_id, '-'), COALESCE(m.recipient_id, '-'), m.is_read,
    COALESCE(UNIX_TIMESTAMP(m.read_at), '-'), COALESCE(UNIX_TIMESTAMP(m.created_at), '-'),
    COALESCE(SHA2(CONVERT(m.message USING utf8mb4), 256), '-')), 256)) <> map.content);

INSERT INTO messages_migration_check (what, expected, found)
SELECT 'messages that no legacy message has become', 0, COUNT(*)
FROM messages_new AS n
LEFT JOIN messages_migration_map AS map ON map.message_id = n.id
WHERE map.message_id IS NULL;

INSERT INTO messages_migration_check (what, expected, found)
SELECT 'conversations',
  (SELECT COUNT(DISTINCT belongs_to) FROM messages_migration_map),
  (SELECT COUNT(*) FROM conversations_new);

INSERT INTO messages_migration_check (what, expected, found)
SELECT 'messages in another booking than before', 0, COUNT(*)
FROM messages_migration_map AS map
JOIN conversations_new AS c ON c.id = map.conversation_id
LEFT JOIN bookings AS b ON b.id = map.booking_id
WHERE NOT (c.booking_id <=> b.id);

INSERT INTO messages_migration_check (what, expected, found)
SELECT 'messages of users who do not exist', 0, COUNT(*)
FROM messages_new AS n
LEFT JOIN users AS s ON s.id = n.sender_id
LEFT JOIN users AS r ON r.id = n.recipient_id
WHERE (n.sender_id IS NOT NULL AND s.id IS NULL) OR (n.recipient_id IS NOT NULL AND r.id IS NULL);

INSERT INTO messages_migration_check (what, expected, found)
SELECT 'messages whose sender or recipient takes no part', 0, COUNT(*)
FROM messages_new AS n
LEFT JOIN conversation_participants_new AS s ON s.conversation_id = n.conversation_id AND s.user_id = n.sender_id
LEFT JOIN conversation_participants_new AS r ON r.conversation_id = n.conversation_id AND r.user_id = n.recipient_id
WHERE (n.sender_id IS NOT NULL AND s.user_id IS NULL) OR (n.recipient_id IS NOT NULL AND r.user_id IS NULL);

INSERT INTO messages_migration_check (what, expected, found)
SELECT 'conversations that do not begin with their first message', 0, COUNT(*)
FROM conversations_new AS c
LEFT JOIN (
  SELECT conversation_id, MIN(created_at) AS first_at FROM messages_migration_map GROUP BY conversation_id
) AS times ON times.conversation_id = c.id
WHERE times.conversation_id IS NULL OR NOT (times.first_at <=> c.created_at);

-- Ids for the messages that are written until the swap: the application's first ones after it are higher.
-- As many as there have been, and 1,000; where the column's range nears its end, half of what is left.
INSERT INTO conversations_new (id)
SELECT LEAST(2 * highest + 1000, (highest + 2147483647) DIV 2)
FROM (SELECT COALESCE(MAX(id), 0) AS highest FROM messages) AS legacy;

INSERT INTO messages_new (id, conversation_id)
SELECT MAX(id), MAX(id) FROM conversations_new;

DELETE c FROM conversations_new AS c LEFT JOIN messages_migration_map AS map ON map.conversation_id = c.id
WHERE map.message_id IS NULL;

-- ---- One step for the application: all three tables, or none.
RENAME TABLE
  messages TO messages_legacy,
  messages_new TO messages,
  conversations TO conversations_replaced,
  conversations_new TO conversations,
  conversation_participants TO conversation_participants_replaced,
  conversation_participants_new TO conversation_participants;

-- ---- Catching up with what was written until then. The application works with the new tables from
-- here on: only what it has not touched is changed, and nothing that it has deleted comes back.
-- A conversation that it has made for a booking meanwhile is the booking's.
INSERT INTO messages_migration_map (message_id, conversation_id, belongs_to, booking_id, property_id,
  legacy_booking_id, legacy_property_id, sender_id, recipient_id, created_at, content, late)
SELECT
  id,
  COALESCE(
    (SELECT MIN(known.conversation_id)
      FROM messages_migration_map AS known JOIN conversations AS c ON c.id = known.conversation_id
      WHERE known.belongs_to = grouped.belongs_to),
    (SELECT MIN(c.id) FROM conversations AS c WHERE c.booking_id = grouped.booking_id),
    FIRST_VALUE(id) OVER (PARTITION BY belongs_to ORDER BY created_at IS NULL, created_at, id)
  ),
  belongs_to, booking_id, property_id, legacy_booking_id, legacy_property_id, sender_id, recipient_id, created_at,
  content, 1
FROM (
  SELECT
    m.id,
    CAST(CASE
      WHEN b.id IS NULL THEN CONCAT_WS(':', 'property', m.property_id,
        LEAST(COALESCE(m.sender_id, 0), COALESCE(m.recipient_id, 0)),
        GREATEST(COALESCE(m.sender_id, 0), COALESCE(m.recipient_id, 0)))
      ELSE CONCAT_WS(':', 'booking', b.id)
    END AS BINARY) AS belongs_to,
    b.id AS booking_id,
    COALESCE(b.property_id, m.property_id) AS property_id,
    m.booking_id AS legacy_booking_id,
    m.property_id AS legacy_property_id,
    m.sender_id,
    m.recipient_id,
    m.created_at,
    UNHEX(SHA2(CONCAT_WS('|', m.id, COALESCE(m.sender_id, '-'), COALESCE(m.recipient_id, '-'), m.is_read,
    COALESCE(UNIX_TIMESTAMP(m.read_at), '-'), COALESCE(UNIX_TIMESTAMP(m.created_at), '-'),
    COALESCE(SHA2(CONVERT(m.message USING utf8mb4), 256), '-')), 256)) AS content
  FROM messages_legacy AS m
  LEFT JOIN bookings AS b ON b.id = m.booking_id
  LEFT JOIN messages_migration_map AS mapped ON mapped.message_id = m.id
  WHERE mapped.message_id IS NULL AND (b.id IS NOT NULL OR m.property_id IS NOT NULL)
) AS grouped;

INSERT INTO conversations (id, property_id, booking_id, created_at, updated_at)
SELECT first_of.conversation_id, p.id, b.id, times.first_at, times.last_at
FROM messages_migration_map AS first_of
JOIN (
  SELECT conversation_id, MIN(created_at) AS first_at, MAX(created_at) AS last_at
  FROM messages_migration_map
  WHERE late = 1
  GROUP BY conversation_id
) AS times ON times.conversation_id = first_of.conversation_id
LEFT JOIN bookings AS b ON b.id = first_of.booking_id
LEFT JOIN properties AS p ON p.id = first_of.property_id
LEFT JOIN conversations AS c ON c.id = first_of.conversation_id
WHERE first_of.late = 1 AND first_of.message_id = first_of.conversation_id AND c.id IS NULL;

INSERT INTO conversation_participants (conversation_id, user_id, added_at)
SELECT c.id, u.id, MIN(correspondents.created_at)
FROM (
  SELECT conversation_id, sender_id AS user_id, created_at FROM messages_migration_map WHERE late = 1
  UNION ALL
  SELECT conversation_id, recipient_id, created_at FROM messages_migration_map WHERE late = 1
) AS correspondents
JOIN conversations AS c ON c.id = correspondents.conversation_id
JOIN users AS u ON u.id = correspondents.user_id
LEFT JOIN conversation_participants AS p ON p.conversation_id = c.id AND p.user_id = u.id
WHERE p.user_id IS NULL
GROUP BY c.id, u.id;

INSERT INTO messages (id, conversation_id, sender_id, recipient_id, message, is_read, read_at, created_at)
SELECT m.id, c.id, m.sender_id, m.recipient_id, m.message, m.is_read, m.read_at, m.created_at
FROM messages_migration_map AS map
JOIN messages_legacy AS m ON m.id = map.message_id
JOIN conversations AS c ON c.id = map.conversation_id
WHERE map.late = 1
ORDER BY m.id;

UPDATE conversations AS c
JOIN (
  SELECT conversation_id, MIN(created_at) AS first_at, MAX(created_at) AS last_at
  FROM messages_migration_map
  WHERE late = 1
  GROUP BY conversation_id
) AS times ON times.conversation_id = c.id
SET c.created_at = LEAST(COALESCE(c.created_at, times.first_at), COALESCE(times.first_at, c.created_at)),
  c.updated_at = GREATEST(COALESCE(c.updated_at, times.last_at), COALESCE(times.last_at, c.updated_at));

-- Messages that were changed or deleted until the swap.
DELETE FROM messages_migration_again;

INSERT INTO messages_migration_again (id)
SELECT map.message_id
FROM messages_migration_map AS map
LEFT JOIN messages_legacy AS m ON m.id = map.message_id
WHERE m.id IS NULL OR UNHEX(SHA2(CONCAT_WS('|', m.id, COALESCE(m.sender_id, '-'), COALESCE(m.recipient_id, '-'), m.is_read,
    COALESCE(UNIX_TIMESTAMP(m.read_at), '-'), COALESCE(UNIX_TIMESTAMP(m.created_at), '-'),
    COALESCE(SHA2(CONVERT(m.message USING utf8mb4), 256), '-')), 256)) <> map.content;

UPDATE messages_migration_again AS again
JOIN messages_migration_map AS map ON map.message_id = again.id
JOIN messages_legacy AS m ON m.id = again.id
JOIN messages AS n ON n.id = again.id
SET n.sender_id = m.sender_id, n.recipient_id = m.recipient_id, n.message = m.message, n.is_read = m.is_read,
  n.read_at = m.read_at, n.created_at = m.created_at
WHERE UNHEX(SHA2(CONCAT_WS('|', n.id, COALESCE(n.sender_id, '-'), COALESCE(n.recipient_id, '-'), n.is_read,
    COALESCE(UNIX_TIMESTAMP(n.read_at), '-'), COALESCE(UNIX_TIMESTAMP(n.created_at), '-'),
    COALESCE(SHA2(CONVERT(n.message USING utf8mb4), 256), '-')), 256)) = map.content;

-- A message whose recipient was deleted after the swap is no longer what was copied, and stays.
DELETE n FROM messages_migration_again AS again
JOIN messages_migration_map AS map ON map.message_id = again.id
JOIN messages AS n ON n.id = again.id
LEFT JOIN messages_legacy AS m ON m.id = again.id
WHERE m.id IS NULL AND UNHEX(SHA2(CONCAT_WS('|', n.id, COALESCE(n.sender_id, '-'), COALESCE(n.recipient_id, '-'), n.is_read,
    COALESCE(UNIX_TIMESTAMP(n.read_at), '-'), COALESCE(UNIX_TIMESTAMP(n.created_at), '-'),
    COALESCE(SHA2(CONVERT(n.message USING utf8mb4), 256), '-')), 256)) = map.content;

INSERT INTO messages_migration_check (what, expected, found)
SELECT 'messages after the swap', COUNT(*), COUNT(map.message_id)
FROM messages_legacy AS m
LEFT JOIN bookings AS b ON b.id = m.booking_id
LEFT JOIN messages_migration_map AS map ON map.message_id = m.id
WHERE b.id IS NOT NULL OR m.property_id IS NOT NULL;

-- ---- The tables that were replaced go only if they are still empty. Should this find rows, the
-- application wrote them during the migration: move them to the new tables, or delete them, and go on.
INSERT INTO messages_migration_check (what, expected, found)
SELECT 'rows of conversations_replaced', 0, COUNT(*) FROM conversations_replaced;

INSERT INTO messages_migration_check (what, expected, found)
SELECT 'rows of conversation_participants_replaced', 0, COUNT(*) FROM conversation_participants_replaced;

DROP TABLE conversation_participants_replaced;

DROP TABLE conversations_replaced;

-- The final names of the constraints. Each ALTER puts the same constraint in the place of the other,
-- so there is nothing to check again, and nothing to copy.
SET SESSION foreign_key_checks = 0;

ALTER TABLE conversations
  DROP FOREIGN KEY fk_conversations_property_new,
  DROP FOREIGN KEY fk_conversations_booking_new,
  ADD CONSTRAINT fk_conversations_property FOREIGN KEY (property_id) REFERENCES properties (id) ON DELETE SET NULL,
  ADD CONSTRAINT fk_conversations_booking FOREIGN KEY (booking_id) REFERENCES bookings (id) ON DELETE SET NULL,
  ALGORITHM = INPLACE, LOCK = NONE;

ALTER TABLE conversation_participants
  DROP FOREIGN KEY fk_conversation_participants_conversation_new,
  DROP FOREIGN KEY fk_conversation_participants_user_new,
  ADD CONSTRAINT fk_conversation_participants_conversation FOREIGN KEY (conversation_id)
    REFERENCES conversations (id) ON DELETE CASCADE,
  ADD CONSTRAINT fk_conversation_participants_user FOREIGN KEY (user_id) REFERENCES users (id) ON DELETE CASCADE,
  ALGORITHM = INPLACE, LOCK = NONE;

SET SESSION foreign_key_checks = 1;

SELECT
  (SELECT COUNT(*) FROM messages_legacy) AS legacy_messages,
  (SELECT COUNT(*) FROM messages_migration_map) AS moved,
  (SELECT COUNT(*) FROM messages_migration_map WHERE late = 1) AS of_these_written_meanwhile,
  (SELECT COUNT(DISTINCT conversation_id) FROM messages_migration_map) AS conversations,
  (SELECT COUNT(*)
    FROM messages_legacy AS m LEFT JOIN messages_migration_map AS map ON map.message_id = m.id
    WHERE map.message_id IS NULL) AS kept_in_messages_legacy;

-- The messages kept, because neither a booking nor a property of theirs is known.
SELECT m.id AS kept_message_id, m.sender_id, m.recipient_id, m.created_at, m.subject
FROM messages_legacy AS m
LEFT JOIN messages_migration_map AS map ON map.message_id = m.id
WHERE map.message_id IS NULL
ORDER BY m.id
LIMIT 100;

DROP TABLE messages_migration_again;

DROP TABLE messages_migration_map;

DROP TABLE messages_migration_check;

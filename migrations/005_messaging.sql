-- Messages become conversations with participants. Every legacy message is moved, none is
-- dropped: the old table stays as messages_legacy.
--
-- How it stays safe, whenever it is interrupted:
--   * The old table is renamed first, so nothing is written to it while it is copied.
--   * The new tables are filled under staging names and get their real ones only after
--     counts and checksums agree; the application never sees them half-filled.
--   * A moved message keeps its id, and a conversation takes the id of its first message,
--     so old and new rows can be compared one by one and no id has to be remembered
--     in a session that a resumed run no longer has.
--
-- Which messages belong together: those of one booking; those without a booking by property
-- and unordered pair of sender and recipient. A message with neither booking nor property
-- belongs to no conversation: it is listed below and stays in messages_legacy.

RENAME TABLE messages TO messages_legacy;

CREATE TABLE conversations_new (
  id INT NOT NULL AUTO_INCREMENT,
  property_id INT NULL,
  booking_id INT NULL,
  created_at TIMESTAMP NULL DEFAULT CURRENT_TIMESTAMP,
  updated_at TIMESTAMP NULL DEFAULT CURRENT_TIMESTAMP ON UPDATE CURRENT_TIMESTAMP,
  PRIMARY KEY (id),
  KEY idx_conversations_property (property_id),
  KEY idx_conversations_booking (booking_id),
  CONSTRAINT fk_conversations_property FOREIGN KEY (property_id) REFERENCES properties (id) ON DELETE SET NULL,
  CONSTRAINT fk_conversations_booking FOREIGN KEY (booking_id) REFERENCES bookings (id) ON DELETE SET NULL
) ENGINE = InnoDB DEFAULT CHARACTER SET utf8mb4 COLLATE utf8mb4_unicode_ci;

CREATE TABLE conversation_participants_new (
  conversation_id INT NOT NULL,
  user_id INT NOT NULL,
  added_at TIMESTAMP NULL DEFAULT CURRENT_TIMESTAMP,
  archived_at TIMESTAMP NULL DEFAULT NULL,
  PRIMARY KEY (conversation_id, user_id),
  KEY idx_conversation_participants_user (user_id, archived_at),
  CONSTRAINT fk_conversation_participants_conversation FOREIGN KEY (conversation_id)
    REFERENCES conversations_new (id) ON DELETE CASCADE,
  CONSTRAINT fk_conversation_participants_user FOREIGN KEY (user_id) REFERENCES users (id) ON DELETE CASCADE
) ENGINE = InnoDB DEFAULT CHARACTER SET utf8mb4 COLLATE utf8mb4_unicode_ci;

-- The legacy table keeps its constraint names, which are unique in a database: these differ.
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

-- Which conversation each legacy message goes to, worked out once and for all below.
-- A table and not a temporary one: it has to survive a lost connection.
CREATE TABLE messages_migration_map (
  message_id INT NOT NULL,
  conversation_id INT NOT NULL,
  booking_id INT NULL,
  property_id INT NULL,
  PRIMARY KEY (message_id),
  KEY idx_messages_migration_map_conversation (conversation_id)
) ENGINE = InnoDB DEFAULT CHARACTER SET utf8mb4 COLLATE utf8mb4_unicode_ci;

-- The booking's own property wins over the one written on the message.
INSERT INTO messages_migration_map (message_id, conversation_id, booking_id, property_id)
SELECT
  id,
  FIRST_VALUE(id) OVER (
    PARTITION BY booking_id, unbooked_property_id, lower_user_id, higher_user_id
    ORDER BY created_at IS NULL, created_at, id
  ),
  booking_id,
  property_id
FROM (
  SELECT
    m.id,
    m.created_at,
    b.id AS booking_id,
    COALESCE(b.property_id, m.property_id) AS property_id,
    CASE WHEN b.id IS NULL THEN m.property_id END AS unbooked_property_id,
    CASE WHEN b.id IS NULL THEN LEAST(COALESCE(m.sender_id, 0), COALESCE(m.recipient_id, 0)) END AS lower_user_id,
    CASE WHEN b.id IS NULL THEN GREATEST(COALESCE(m.sender_id, 0), COALESCE(m.recipient_id, 0)) END AS higher_user_id
  FROM messages_legacy AS m
  LEFT JOIN bookings AS b ON b.id = m.booking_id
  WHERE b.id IS NOT NULL OR m.property_id IS NOT NULL
) AS grouped;

-- A conversation begins with its first message and was last touched by its last one.
INSERT INTO conversations_new (id, property_id, booking_id, created_at, updated_at)
SELECT first_of.message_id, first_of.property_id, first_of.booking_id, times.first_at, times.last_at
FROM messages_migration_map AS first_of
JOIN (
  SELECT map.conversation_id, MIN(m.created_at) AS first_at, MAX(m.created_at) AS last_at
  FROM messages_migration_map AS map
  JOIN messages_legacy AS m ON m.id = map.message_id
  GROUP BY map.conversation_id
) AS times ON times.conversation_id = first_of.message_id;

INSERT INTO conversation_participants_new (conversation_id, user_id, added_at)
SELECT conversation_id, user_id, MIN(created_at)
FROM (
  SELECT map.conversation_id, m.sender_id AS user_id, m.created_at
  FROM messages_migration_map AS map JOIN messages_legacy AS m ON m.id = map.message_id
  UNION ALL
  SELECT map.conversation_id, m.recipient_id, m.created_at
  FROM messages_migration_map AS map JOIN messages_legacy AS m ON m.id = map.message_id
) AS correspondents
WHERE user_id IS NOT NULL
GROUP BY conversation_id, user_id;

INSERT INTO messages_new (id, conversation_id, sender_id, recipient_id, message, is_read, read_at, created_at)
SELECT m.id, map.conversation_id, m.sender_id, m.recipient_id, m.message, m.is_read, m.read_at, m.created_at
FROM messages_migration_map AS map
JOIN messages_legacy AS m ON m.id = map.message_id
ORDER BY m.id;

-- Nothing goes on unless old and new agree: a row here that does not balance violates
-- the constraint, fails the migration, and leaves the old messages where they are.
CREATE TABLE messages_migration_check (
  what VARCHAR(64) NOT NULL,
  expected BIGINT UNSIGNED NOT NULL,
  found BIGINT UNSIGNED NOT NULL,
  PRIMARY KEY (what),
  CONSTRAINT every_legacy_message_is_moved_unchanged CHECK (expected = found)
) ENGINE = InnoDB DEFAULT CHARACTER SET utf8mb4 COLLATE utf8mb4_unicode_ci;

INSERT INTO messages_migration_check (what, expected, found)
SELECT 'messages',
  (SELECT COUNT(*)
    FROM messages_legacy AS m
    LEFT JOIN bookings AS b ON b.id = m.booking_id
    LEFT JOIN messages_migration_map AS map ON map.message_id = m.id
    WHERE b.id IS NOT NULL OR m.property_id IS NOT NULL OR map.message_id IS NOT NULL),
  (SELECT COUNT(*) FROM messages_new);

INSERT INTO messages_migration_check (what, expected, found)
SELECT 'checksum of messages',
  (SELECT COALESCE(SUM(CRC32(CONCAT_WS('|', m.id, COALESCE(m.sender_id, '-'), COALESCE(m.recipient_id, '-'), m.is_read,
      COALESCE(m.read_at, '-'), COALESCE(m.created_at, '-'), COALESCE(SHA2(m.message, 256), '-')))), 0)
    FROM messages_legacy AS m
    LEFT JOIN bookings AS b ON b.id = m.booking_id
    LEFT JOIN messages_migration_map AS map ON map.message_id = m.id
    WHERE b.id IS NOT NULL OR m.property_id IS NOT NULL OR map.message_id IS NOT NULL),
  (SELECT COALESCE(SUM(CRC32(CONCAT_WS('|', n.id, COALESCE(n.sender_id, '-'), COALESCE(n.recipient_id, '-'), n.is_read,
      COALESCE(n.read_at, '-'), COALESCE(n.created_at, '-'), COALESCE(SHA2(n.message, 256), '-')))), 0)
    FROM messages_new AS n);

INSERT INTO messages_migration_check (what, expected, found)
SELECT 'conversations of bookings',
  (SELECT COUNT(DISTINCT booking_id) FROM messages_migration_map),
  (SELECT COUNT(*)
    FROM conversations_new AS c JOIN messages_migration_map AS map ON map.message_id = c.id
    WHERE map.booking_id IS NOT NULL);

INSERT INTO messages_migration_check (what, expected, found)
SELECT 'conversations of a property and a pair',
  (SELECT COUNT(DISTINCT map.property_id, LEAST(COALESCE(m.sender_id, 0), COALESCE(m.recipient_id, 0)),
      GREATEST(COALESCE(m.sender_id, 0), COALESCE(m.recipient_id, 0)))
    FROM messages_migration_map AS map JOIN messages_legacy AS m ON m.id = map.message_id
    WHERE map.booking_id IS NULL),
  (SELECT COUNT(*)
    FROM conversations_new AS c JOIN messages_migration_map AS map ON map.message_id = c.id
    WHERE map.booking_id IS NULL);

INSERT INTO messages_migration_check (what, expected, found)
SELECT 'messages in another booking than before', 0, COUNT(*)
FROM messages_new AS n
JOIN messages_legacy AS m ON m.id = n.id
JOIN conversations_new AS c ON c.id = n.conversation_id
LEFT JOIN bookings AS b ON b.id = m.booking_id
WHERE NOT (c.booking_id <=> b.id);

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
  SELECT conversation_id, MIN(created_at) AS first_at FROM messages_new GROUP BY conversation_id
) AS f ON f.conversation_id = c.id
WHERE f.conversation_id IS NULL OR NOT (f.first_at <=> c.created_at);

SELECT
  (SELECT COUNT(*) FROM messages_legacy) AS legacy_messages,
  (SELECT COUNT(*) FROM messages_new) AS moved,
  (SELECT COUNT(*) FROM conversations_new) AS conversations,
  (SELECT COUNT(*)
    FROM messages_legacy AS m LEFT JOIN messages_new AS n ON n.id = m.id
    WHERE n.id IS NULL) AS kept_in_messages_legacy;

-- The messages kept, because neither a booking nor a property of theirs is known.
SELECT m.id AS kept_message_id, m.sender_id, m.recipient_id, m.created_at, m.subject
FROM messages_legacy AS m
LEFT JOIN messages_new AS n ON n.id = m.id
WHERE n.id IS NULL
ORDER BY m.id
LIMIT 100;

-- One step for the application: all three tables, or none.
RENAME TABLE
  conversations_new TO conversations,
  conversation_participants_new TO conversation_participants,
  messages_new TO messages;

DROP TABLE messages_migration_map;

DROP TABLE messages_migration_check;

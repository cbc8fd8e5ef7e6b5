-- The marketplace's core: users, their properties, bookings, and the first messages.

CREATE TABLE users (
  id INT NOT NULL AUTO_INCREMENT,
  email VARCHAR(255) NOT NULL,
  password_hash VARCHAR(255) NOT NULL,
  first_name VARCHAR(100) NOT NULL,
  last_name VARCHAR(100) NOT NULL,
  phone VARCHAR(32) NULL,
  profile_image_url VARCHAR(500) NULL,
  role ENUM('guest', 'host', 'admin') NOT NULL DEFAULT 'guest',
  is_active TINYINT(1) NOT NULL DEFAULT 1,
  email_verified TINYINT(1) NOT NULL DEFAULT 0,
  created_at TIMESTAMP NULL DEFAULT CURRENT_TIMESTAMP,
  updated_at TIMESTAMP NULL DEFAULT CURRENT_TIMESTAMP ON UPDATE CURRENT_TIMESTAMP,
  PRIMARY KEY (id),
  UNIQUE KEY uq_users_email (email)
) ENGINE = InnoDB DEFAULT CHARACTER SET utf8mb4 COLLATE utf8mb4_unicode_ci;

CREATE TABLE properties (
  id INT NOT NULL AUTO_INCREMENT,
  host_id INT NOT NULL,
  title VARCHAR(255) NOT NULL,
  description TEXT NOT NULL,
  property_type ENUM('apartment', 'house', 'villa', 'cabin', 'cottage', 'condo', 'townhouse', 'other') NOT NULL,
  address VARCHAR(255) NOT NULL,
  city VARCHAR(100) NOT NULL,
  state VARCHAR(100) NULL,
  country VARCHAR(100) NOT NULL,
  postal_code VARCHAR(20) NULL,
  price_per_night DECIMAL(10, 2) NOT NULL,
  max_guests INT NOT NULL DEFAULT 1,
  bedrooms INT NOT NULL DEFAULT 1,
  status ENUM('draft', 'pending', 'active', 'inactive', 'suspended') NOT NULL DEFAULT 'draft',
  created_at TIMESTAMP NULL DEFAULT CURRENT_TIMESTAMP,
  updated_at TIMESTAMP NULL DEFAULT CURRENT_TIMESTAMP ON UPDATE CURRENT_TIMESTAMP,
  PRIMARY KEY (id),
  KEY idx_properties_host (host_id),
  KEY idx_properties_status (status),
  KEY idx_properties_city (city),
  CONSTRAINT fk_properties_host FOREIGN KEY (host_id) REFERENCES users (id) ON DELETE CASCADE
) ENGINE = InnoDB DEFAULT CHARACTER SET utf8mb4 COLLATE utf8mb4_unicode_ci;

-- host_id repeats properties.host_id: the host at the time of booking.
CREATE TABLE bookings (
  id INT NOT NULL AUTO_INCREMENT,
  property_id INT NULL,
  guest_id INT NULL,
  host_id INT NULL,
  check_in_date DATE NULL,
  check_out_date DATE NULL,
  guests_count INT NOT NULL DEFAULT 1,
  base_price DECIMAL(10, 2) NOT NULL,
  cleaning_fee DECIMAL(10, 2) NULL DEFAULT 0.00,
  taxes DECIMAL(10, 2) NULL DEFAULT NULL,
  total_amount DECIMAL(10, 2) NOT NULL,
  status ENUM('pending', 'confirmed', 'cancelled', 'completed', 'refunded') NOT NULL DEFAULT 'pending',
  payment_status ENUM('pending', 'paid', 'failed', 'refunded') NOT NULL DEFAULT 'pending',
  created_at TIMESTAMP NULL DEFAULT CURRENT_TIMESTAMP,
  updated_at TIMESTAMP NULL DEFAULT CURRENT_TIMESTAMP ON UPDATE CURRENT_TIMESTAMP,
  PRIMARY KEY (id),
  KEY idx_bookings_property (property_id),
  KEY idx_bookings_guest (guest_id),
  KEY idx_bookings_host (host_id),
  KEY idx_bookings_status (status),
  KEY idx_bookings_dates (check_in_date, check_out_date),
  CONSTRAINT fk_bookings_property FOREIGN KEY (property_id) REFERENCES properties (id) ON DELETE CASCADE,
  CONSTRAINT fk_bookings_guest FOREIGN KEY (guest_id) REFERENCES users (id) ON DELETE CASCADE,
  CONSTRAINT fk_bookings_host FOREIGN KEY (host_id) REFERENCES users (id) ON DELETE CASCADE
) ENGINE = InnoDB DEFAULT CHARACTER SET utf8mb4 COLLATE utf8mb4_unicode_ci;

-- A message outlives its booking and its property: what was written stays written.
CREATE TABLE messages (
  id INT NOT NULL AUTO_INCREMENT,
  booking_id INT NULL,
  property_id INT NULL,
  sender_id INT NULL,
  recipient_id INT NULL,
  subject VARCHAR(255) NULL,
  message TEXT NULL,
  is_read TINYINT(1) NOT NULL DEFAULT 0,
  read_at TIMESTAMP NULL DEFAULT NULL,
  message_type ENUM('inquiry', 'booking', 'support', 'system') NOT NULL DEFAULT 'inquiry',
  created_at TIMESTAMP NULL DEFAULT CURRENT_TIMESTAMP,
  PRIMARY KEY (id),
  KEY idx_messages_booking (booking_id),
  KEY idx_messages_property (property_id),
  KEY idx_messages_sender (sender_id),
  KEY idx_messages_recipient (recipient_id, is_read),
  CONSTRAINT fk_messages_booking FOREIGN KEY (booking_id) REFERENCES bookings (id) ON DELETE SET NULL,
  CONSTRAINT fk_messages_property FOREIGN KEY (property_id) REFERENCES properties (id) ON DELETE SET NULL,
  CONSTRAINT fk_messages_sender FOREIGN KEY (sender_id) REFERENCES users (id) ON DELETE CASCADE,
  CONSTRAINT fk_messages_recipient FOREIGN KEY (recipient_id) REFERENCES users (id) ON DELETE CASCADE
) ENGINE = InnoDB DEFAULT CHARACTER SET utf8mb4 COLLATE utf8mb4_unicode_ci;

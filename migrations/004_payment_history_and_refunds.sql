-- Every attempt to move money for a booking, and every refund asked for and paid.

CREATE TABLE payment_history (
  id INT NOT NULL AUTO_INCREMENT,
  booking_id INT NOT NULL,
  user_id INT NULL,
  amount DECIMAL(10, 2) NOT NULL,
  currency CHAR(3) NOT NULL DEFAULT 'USD',
  payment_method VARCHAR(50) NULL,
  provider_reference VARCHAR(255) NULL,
  status ENUM('pending', 'succeeded', 'failed', 'refunded') NOT NULL DEFAULT 'pending',
  failure_reason VARCHAR(255) NULL,
  created_at TIMESTAMP NULL DEFAULT CURRENT_TIMESTAMP,
  PRIMARY KEY (id),
  KEY idx_payment_history_booking (booking_id, created_at),
  KEY idx_payment_history_user (user_id),
  KEY idx_payment_history_status (status),
  UNIQUE KEY uq_payment_history_reference (provider_reference),
  CONSTRAINT fk_payment_history_booking FOREIGN KEY (booking_id) REFERENCES bookings (id) ON DELETE CASCADE,
  CONSTRAINT fk_payment_history_user FOREIGN KEY (user_id) REFERENCES users (id) ON DELETE SET NULL
) ENGINE = InnoDB DEFAULT CHARACTER SET utf8mb4 COLLATE utf8mb4_unicode_ci;

CREATE TABLE refunds (
  id INT NOT NULL AUTO_INCREMENT,
  booking_id INT NOT NULL,
  payment_id INT NULL,
  requested_by INT NULL,
  amount DECIMAL(10, 2) NOT NULL,
  reason VARCHAR(255) NULL,
  status ENUM('requested', 'approved', 'rejected', 'paid') NOT NULL DEFAULT 'requested',
  processed_at TIMESTAMP NULL DEFAULT NULL,
  created_at TIMESTAMP NULL DEFAULT CURRENT_TIMESTAMP,
  updated_at TIMESTAMP NULL DEFAULT CURRENT_TIMESTAMP ON UPDATE CURRENT_TIMESTAMP,
  PRIMARY KEY (id),
  KEY idx_refunds_booking (booking_id),
  KEY idx_refunds_payment (payment_id),
  KEY idx_refunds_requested_by (requested_by),
  KEY idx_refunds_status (status),
  CONSTRAINT fk_refunds_booking FOREIGN KEY (booking_id) REFERENCES bookings (id) ON DELETE CASCADE,
  CONSTRAINT fk_refunds_payment FOREIGN KEY (payment_id) REFERENCES payment_history (id) ON DELETE SET NULL,
  CONSTRAINT fk_refunds_requested_by FOREIGN KEY (requested_by) REFERENCES users (id) ON DELETE SET NULL
) ENGINE = InnoDB DEFAULT CHARACTER SET utf8mb4 COLLATE utf8mb4_unicode_ci;

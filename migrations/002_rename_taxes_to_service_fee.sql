-- What was called taxes was always the platform's fee. CHANGE COLUMN keeps every amount,
-- and states type and default so that databases older than 001 end up the same.
ALTER TABLE bookings
  CHANGE COLUMN taxes service_fee DECIMAL(10, 2) NULL DEFAULT 0.00;

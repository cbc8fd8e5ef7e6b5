-- The application stores uploaded images as base64 data URIs: 500 characters cut them off.
ALTER TABLE users
  MODIFY COLUMN profile_image_url MEDIUMTEXT NULL COMMENT 'URL or base64 data URI of the profile image, up to 16 MB';

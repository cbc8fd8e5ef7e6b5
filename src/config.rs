//! Flags, environment and .env file make one typed configuration.

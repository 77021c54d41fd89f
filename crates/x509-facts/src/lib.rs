//! x509-facts: see README.
#![no_std]

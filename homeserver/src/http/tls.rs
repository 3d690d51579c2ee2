//! Certificates: made on the first start, taken up again while running.

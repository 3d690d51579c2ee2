//! What a certificate fails by, as the page gets it.

use crate::problem::Problem;
use hearth_certificates::{CertificateError, acme::AcmeError};
use http::StatusCode;

impl From<CertificateError> for Problem {
    fn from(error: CertificateError) -> Self {
        let status = match &error {
            CertificateError::File { .. } | CertificateError::Making(_) | CertificateError::NotServed { .. } => {
                StatusCode::SERVICE_UNAVAILABLE
            }
            _ => StatusCode::UNPROCESSABLE_ENTITY,
        };
        let mut problem = Self::new(status, error.code(), error.to_string(), error.help());
        problem.params = error.params();
        problem
    }
}

impl From<AcmeError> for Problem {
    fn from(error: AcmeError) -> Self {
        let status = match &error {
            AcmeError::Terms { .. } | AcmeError::Name { .. } | AcmeError::Email { .. } => {
                StatusCode::UNPROCESSABLE_ENTITY
            }
            AcmeError::ClockUntrusted => StatusCode::CONFLICT,
            _ => StatusCode::BAD_GATEWAY,
        };
        let mut problem = Self::new(status, error.code(), error.to_string(), error.help());
        problem.params = error.params();
        problem
    }
}

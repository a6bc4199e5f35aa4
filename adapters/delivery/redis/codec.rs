//! Bytes in, the same bytes out.

use std::convert::Infallible;

use apalis::prelude::Codec;

/// Hands the stored bytes to the handler as they are. With any other codec, one envelope that does not decode ends
/// the worker, and the next one, and the next.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Raw;

impl Codec<Vec<u8>> for Raw {
    type Error = Infallible;
    type Compact = Vec<u8>;

    fn encode(&self, bytes: &Vec<u8>) -> Result<Vec<u8>, Infallible> {
        Ok(bytes.clone())
    }

    fn decode(&self, bytes: &Vec<u8>) -> Result<Vec<u8>, Infallible> {
        Ok(bytes.clone())
    }
}

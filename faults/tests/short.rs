//! The short part of the fault suite.

//! How many may come: connections in all, from what the system allows; and for each client network.

mod descriptors;
mod networks;

pub(crate) use descriptors::connections_allowed;
pub(crate) use networks::{Addresses, Permit};

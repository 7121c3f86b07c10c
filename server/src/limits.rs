//! How much there may be: connections in all, as many as the system allows; and what each client network may have, its
//! connections and what the filters of its streams weigh together.

mod descriptors;
mod holding;
mod networks;

pub(crate) use descriptors::connections_allowed;
pub(crate) use holding::Holding;
pub(crate) use networks::{Networks, Permit};

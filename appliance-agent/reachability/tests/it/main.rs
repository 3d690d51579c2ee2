//! The checks in a house of their own: network namespaces with miniupnpd as the router and bind9 for DNS.

mod delegation;
mod house;
mod names;
mod outside;
mod ports;
mod router;

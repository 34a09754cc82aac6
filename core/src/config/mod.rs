//! The configuration: layers, raw sections, checked settings.

//! Pages and small endpoints of the browser and of connectivity checks.

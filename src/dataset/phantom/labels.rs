//! Class ids, names and display colours of the 13 organs (BTCV ids, specification 1).

/// Names of the classes by id; 0 is the background.
pub const ORGAN_NAMES: [&str; 14] = [
    "background",
    "spleen",
    "right kidney",
    "left kidney",
    "gallbladder",
    "esophagus",
    "liver",
    "stomach",
    "aorta",
    "inferior vena cava",
    "portal and splenic veins",
    "pancreas",
    "right adrenal gland",
    "left adrenal gland",
];

/// The highest class id.
pub const LAST_LABEL: u8 = (ORGAN_NAMES.len() - 1) as u8;

/// Display colours (sRGB) of the classes by id; the background is black.
pub const ORGAN_COLOURS: [[u8; 3]; 14] = [
    [0, 0, 0],
    [166, 86, 200],
    [255, 170, 60],
    [232, 116, 26],
    [60, 200, 90],
    [245, 220, 130],
    [176, 70, 60],
    [120, 200, 235],
    [235, 40, 50],
    [50, 90, 230],
    [40, 180, 200],
    [255, 240, 60],
    [255, 110, 190],
    [150, 255, 150],
];

pub(super) const SPLEEN: u8 = 1;
pub(super) const RIGHT_KIDNEY: u8 = 2;
pub(super) const LEFT_KIDNEY: u8 = 3;
pub(super) const GALLBLADDER: u8 = 4;
pub(super) const ESOPHAGUS: u8 = 5;
pub(super) const LIVER: u8 = 6;
pub(super) const STOMACH: u8 = 7;
pub(super) const AORTA: u8 = 8;
pub(super) const VENA_CAVA: u8 = 9;
pub(super) const PORTAL_VEIN: u8 = 10;
pub(super) const PANCREAS: u8 = 11;
pub(super) const RIGHT_ADRENAL: u8 = 12;
pub(super) const LEFT_ADRENAL: u8 = 13;

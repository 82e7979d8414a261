//! Spacing, orientation, foreground crop and padding against the specification's vectors.

use hounsfield::transform::{
    Interpolation, crop, foreground_box, orient_ras, pad_to, resample_onto, resample_spacing,
};
use hounsfield::volume::{Affine, Region, Volume};
use serde_json::Value;

use crate::support::{self, fill, numbers, shape};

fn affine(value: &Value) -> Affine {
    let rows = value.as_array().expect("four rows");
    Affine::from_row_iterator(rows.iter().flat_map(numbers))
}

fn entries(name: &str) -> Vec<Value> {
    support::vectors()[name]
        .as_array()
        .expect("a list of cases")
        .clone()
}

#[test]
fn spacing_matches_the_vectors() {
    for case in entries("spacing") {
        let input = fill::volume(shape(&case["in_shape"]), affine(&case["in_affine"]));
        let linear = case["mode"] == "bilinear";
        let mode = if linear {
            Interpolation::Linear
        } else {
            Interpolation::Nearest
        };
        let pixdim = numbers(&case["pixdim"]).try_into().expect("three numbers");
        let out = resample_spacing(&input, pixdim, mode).expect("a usable volume");
        assert_eq!(out.shape(), shape(&case["out_shape"]));
        let distance = (out.affine() - affine(&case["out_affine"])).amax();
        assert!(distance < 1e-12, "affine is off by {distance}");
        for (index, value) in numbers(&case["flat_index"])
            .into_iter()
            .zip(numbers(&case["values"]))
        {
            let got = f64::from(out.data()[index as usize]);
            assert!(
                (got - value).abs() < 1e-6,
                "{case}: {got} at {index}, not {value}"
            );
        }
        let expected = case["sum"].as_f64().expect("a number");
        let matches = |out: &Volume| {
            let sum: f64 = out.data().iter().map(|&x| f64::from(x)).sum();
            (sum - expected).abs() < 1e-6 * out.data().len() as f64
        };
        // Positions half-way between two voxels fall either way in the reference (specification 2.3).
        let mut nudged = *out.affine();
        let origin = nudged.column(3) - nudged.fixed_columns::<3>(0).column_sum() * 1e-6;
        nudged.set_column(3, &origin);
        let down = resample_onto(&input, out.shape(), &nudged, mode).expect("a usable affine");
        let tie = mode == Interpolation::Nearest && matches(&down);
        assert!(matches(&out) || tie, "{case}: the sum is not {expected}");
    }
}

#[test]
fn orientation_matches_the_vectors() {
    for case in entries("orientation_RAS") {
        let input = fill::volume(shape(&case["in_shape"]), affine(&case["in_affine"]));
        let out = orient_ras(input).expect("a usable affine");
        let [_, n1, n2] = shape(&case["out_shape"]);
        assert_eq!(out.shape(), shape(&case["out_shape"]));
        assert_eq!(*out.affine(), affine(&case["out_affine"]));
        assert_eq!(
            f64::from(out.data()[0]),
            case["out[0,0,0]"].as_f64().expect("a number")
        );
        let inner = f64::from(out.data()[(n1 + 2) * n2 + 3]);
        assert_eq!(inner, case["out[1,2,3]"].as_f64().expect("a number"));
    }
}

#[test]
fn the_foreground_box_matches_the_vector() {
    let case = &support::vectors()["crop_foreground"];
    let [n0, n1, n2] = shape(&case["in_shape"]);
    let mut data = vec![0.0; n0 * n1 * n2];
    for (i, j, k) in (3..20).flat_map(|i| (5..33).flat_map(move |j| [(i, j, 7), (i, j, 8)])) {
        data[(i * n1 + j) * n2 + k] = 0.5;
    }
    data[(25 * n1 + 2) * n2 + 44] = 1e-6;
    let v = Volume::new([n0, n1, n2], data, Affine::identity()).expect("length fits the shape");
    let (start, end) = (shape(&case["box"][0]), shape(&case["box"][1]));
    let size = std::array::from_fn(|a| end[a] - start[a]);
    let region = foreground_box(&v).expect("foreground");
    assert_eq!(region, Region { start, size });
    assert_eq!(
        foreground_box(&crop(&v, region).expect("inside"))
            .expect("kept")
            .size,
        size
    );
}

#[test]
fn padding_matches_the_vector() {
    for case in entries("spatial_pad_96") {
        let number = |key: &str| case[key].as_u64().expect("a number") as usize;
        let n = number("size");
        let v = Volume::new([2, n, 1], vec![1.0; 2 * n], Affine::identity()).expect("fits");
        let out = pad_to(v, [1, 96, 1]).expect("small");
        let expected: Vec<f32> = [0.0, 1.0, 0.0]
            .into_iter()
            .zip([number("before"), n, number("after")])
            .flat_map(|(value, count)| std::iter::repeat_n(value, count))
            .collect();
        assert_eq!(out.data(), [expected.as_slice(), &expected].concat());
        assert_eq!(out.affine()[(1, 3)], -(number("before") as f64));
    }
}

/// The same scan saved in each of the 48 storage orders is the same volume after reorientation.
#[test]
fn all_storage_orders_agree_after_reorientation() {
    let folder = support::data("robustness/niivue/tests/images/nifti_space");
    let mut files: Vec<_> = std::fs::read_dir(folder)
        .expect("a readable folder")
        .map(|entry| entry.expect("a readable entry").path())
        .collect();
    files.sort();
    assert_eq!(files.len(), 48);
    let mut first: Option<Volume> = None;
    for file in files {
        let stored = hounsfield::volume::read(&file).expect("a readable file");
        let v = orient_ras(stored.clone()).expect("a usable affine");
        let first = first.get_or_insert_with(|| v.clone());
        assert_eq!(v.shape(), first.shape(), "{}", file.display());
        assert_eq!(v.data(), first.data(), "{}", file.display());
        assert!(
            (v.affine() - first.affine()).amax() < 1e-3,
            "{}",
            file.display()
        );
        // And back onto the stored grid, which only permutes voxels.
        let back = resample_onto(&v, stored.shape(), stored.affine(), Interpolation::Nearest)
            .expect("a usable affine");
        assert_eq!(back.data(), stored.data(), "{}", file.display());
    }
}

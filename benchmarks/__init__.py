"""What attnviz costs against something known, always as a ratio measured side by side in one run."""

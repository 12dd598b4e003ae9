"""The names of the files and folders that commands write, for the rooms that read them."""

# What a comparison's folder holds, for the rooms that write it and those that read it.
RESULTS_FILE = "results.json"
TABLE_FILE = "results.csv"
REPORT_FILE = "report.html"
CURVES_FOLDER = "curves"
TENSORBOARD_FOLDER = "tensorboard"  # written with --log
MLFLOW_FOLDER = "mlruns"
THUMBNAILS_FILE = "thumbnails.json"  # name of an image that is spoken of -> data URL
SNAPSHOTS_FILE = "snapshots.json"  # in a trial's folder
CHECK_FILE = "check.html"  # that of `keiryo data check`

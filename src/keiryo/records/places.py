"""The names of the files and folders that commands write, for the rooms that read them."""

# In a comparison's folder.
RESULTS_FILE = "results.json"
TABLE_FILE = "results.csv"
REPORT_FILE = "report.html"
MARKDOWN_FILE = "report.md"
LATEX_FILE = "report.tex"
CURVES_FOLDER = "curves"
TENSORBOARD_FOLDER = "tensorboard"  # written with --log
MLFLOW_FOLDER = "mlruns"
THUMBNAILS_FILE = "thumbnails.json"  # names of images in findings -> data URLs
MODEL_FILE = "model.safetensors"  # in a trial's folder
SNAPSHOTS_FILE = "snapshots.json"  # in a trial's folder
TRIAL_FILE = "trial.json"  # in a trial's folder
CHANGES_FILE = "changes.html"  # written by `keiryo report` of several comparisons
CHECK_FILE = "check.html"  # written by `keiryo data check`

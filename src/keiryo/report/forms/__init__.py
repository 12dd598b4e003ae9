"""A comparison in forms for other documents: Markdown for a pull request, LaTeX for a paper."""

"""The sentences of each study, in every language of the pages."""

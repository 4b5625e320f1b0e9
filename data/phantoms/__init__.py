"""Generated chest X-rays of made-up hospitals, with exact lung masks."""

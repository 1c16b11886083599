"""Tables, figures and pages: pure functions from plain data to text and bytes; equal
data give equal bytes."""

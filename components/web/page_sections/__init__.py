"""The bar of a page's sections."""

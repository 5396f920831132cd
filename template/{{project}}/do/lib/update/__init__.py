"""What do/update needs: the checkout, the template and its changelog."""
